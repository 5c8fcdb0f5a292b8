"""A supernet of a search, scored and compared with results that are made up."""

import json

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.data import common_windows, input_pipeline
from deeplab_nas.run import checkpoints
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.ranking import run as ranking_run
from deeplab_nas.search.relaxed import run as search_run
from deeplab_nas.search.relaxed.scoring import shared_weights
from tests.search.ranking import searched
from tests.search.trials.results import candidates_test

NUM = 6


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  return searched.supernet(tmp_path_factory.mktemp('search'))


@pytest.fixture(scope='module')
def genotypes(run):
  space = searched.config_of(run).space.build()
  rng = np.random.default_rng(0)
  found = {}
  while len(found) < NUM:
    found.setdefault(space.random(rng))
  return list(found)


def results(path, genotypes, *seeds):
  """A file with the cross-entropies of some seeds, as a study writes it."""
  records = [
    {
      'genotype': json.loads(genotype.to_json()),
      'fidelity': {'steps': 40},
      'seed': seed,
      'scores': {'cross_entropy': float(loss), 'miou': 1 - float(loss)},
    }
    for seed, losses in enumerate(seeds)
    for genotype, loss in zip(genotypes, losses)
  ]
  path.write_text(json.dumps(records))
  return str(path)


def request(run, path, **changed):
  return ranking_run.Request(
    run_dir=str(run),
    results=path,
    **{'recalibration_batches': 2, **changed},
  )


def scores_of(folder):
  _, *lines = (folder / 'scores.jsonl').read_text().splitlines()
  return [json.loads(line)['scores'] for line in lines]


@pytest.fixture(scope='module')
def scores(run, genotypes, tmp_path_factory):
  """What the supernet says of each."""
  path = tmp_path_factory.mktemp('results') / 'candidates.json'
  results(path, genotypes, range(NUM))
  ranking_run.run(request(run, str(path)))
  return scores_of(run.evaluations / 'rank_correlation')


def test_scores_are_those_of_the_search_s_own_supernet(run, genotypes, scores):
  config = searched.config_of(run)
  parts = search_run.build(config)
  searcher = parts.searcher
  saver = checkpoints.Saver(
    run_directory.RunDirectory(run),
    optional=search_run.optional_state(searcher),
    searcher=searcher,
  )
  assert saver.restore().epoch == 1
  data, info = config.data, parts.info

  def half_a():
    pipeline = data.pipeline(config.runtime.seed)
    images = input_pipeline.whole_images(data.dir, 'train', info, pipeline, 'a')
    return common_windows.batched(images, 2).take(2)

  def half_b():
    return input_pipeline.eval_dataset(
      data.dir, 'train', info, data.pipeline(), subset='b'
    )

  evaluate = shared_weights.SharedWeights(searcher.supernet, half_a, half_b)
  for genotype, found in list(zip(genotypes, scores))[:2]:
    assert found == pytest.approx(evaluate(genotype), rel=1e-5)
  assert len({found['cross_entropy'] for found in scores}) > 1


def test_a_made_up_ranking_is_found_and_nothing_is_scored_again(
  run, genotypes, scores, tmp_path, caplog
):
  losses = np.array([found['cross_entropy'] for found in scores])
  kept = (run.evaluations / 'rank_correlation' / 'scores.jsonl').read_bytes()
  for sign in (1, -1):
    made = sign * losses
    path = results(tmp_path / f'{sign}.json', genotypes, made, made + 1e-4)
    with caplog.at_level('INFO'):
      text = ranking_run.run(request(run, path))
    assert f'{NUM} of {NUM} architectures were scored before' in caplog.text
    folder = run.evaluations / 'rank_correlation'
    found = json.loads((folder / 'result.json').read_text())
    assert found['tau']['value'] == pytest.approx(sign)
    assert found['tau_of_two_seeds']['value'] == pytest.approx(1)
    assert (sign == 1) != ('Within chance' in text)
    assert (folder / 'result.png').is_file()
    assert (folder / 'scores.jsonl').read_bytes() == kept


def test_miou_is_ranked_by_miou(run, genotypes, scores, tmp_path):
  losses = [1 - found['miou'] + 1e-6 * i for i, found in enumerate(scores)]
  path = results(tmp_path / 'miou.json', genotypes, losses)
  ranking_run.run(request(run, path, score='miou'))
  folder = run.evaluations / 'rank_correlation'
  found = json.loads((folder / 'result.json').read_text())
  assert found['shared_weights_score'] == 'miou'
  ious = [row['score'] for row in found['architectures']]
  assert ious == pytest.approx([-found['miou'] for found in scores])
  if len(set(ious)) > 1:
    assert found['tau']['value'] > 0


def test_one_that_was_stopped_goes_on(run, genotypes, scores, tmp_path):
  path = results(tmp_path / 'candidates.json', genotypes, range(NUM))
  whole = (run.evaluations / 'rank_correlation' / 'scores.jsonl').read_bytes()
  (tmp_path / 'out').mkdir()
  (tmp_path / 'out' / 'scores.jsonl').write_bytes(whole[:-20])
  ranking_run.run(request(run, path, output_dir=str(tmp_path / 'out')))
  for again, before in zip(scores_of(tmp_path / 'out'), scores):
    assert again == pytest.approx(before, rel=1e-5)


def test_fewer_architectures_and_images_are_scored(run, genotypes, tmp_path):
  path = results(tmp_path / 'candidates.json', genotypes, range(NUM))
  (tmp_path / 'out').mkdir()
  small = request(
    run,
    path,
    num_genotypes=5,
    num_images=2,
    recalibration_batches=1,
    output_dir=str(tmp_path / 'out'),
  )
  ranking_run.run(small)
  assert len(scores_of(tmp_path / 'out')) == 5


def test_what_cannot_be_ranked_is_refused(run, genotypes, tmp_path):
  few = results(tmp_path / 'few.json', genotypes[:4], range(4))
  with pytest.raises(errors.UserError, match='has 4 architectures of'):
    ranking_run.run(request(run, few))
  study = candidates_test.make_study(tmp_path / 'study')
  with pytest.raises(errors.UserError, match='has 0 architectures of'):
    ranking_run.run(request(run, str(study)))
  fine = results(tmp_path / 'fine.json', genotypes, range(NUM))
  with pytest.raises(errors.UserError, match='The data is not at nowhere'):
    ranking_run.run(request(run, fine, data_dir='nowhere'))

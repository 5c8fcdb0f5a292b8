"""A search by single paths: its evolution, killed and resumed."""

import json
import math
import shutil

import pytest

from deeplab_nas.config import config as config_lib
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.relaxed import run as search_run
from deeplab_nas.search.relaxed.scoring import conclusion, score_log
from deeplab_nas.space import arch_weights, genotype
from tests.search.relaxed import run_test
from tests.train import records as records_lib

SIZES = {'population_size': 3, 'num_generations': 2}
NUM_SCORED = math.prod(SIZES.values())


@pytest.fixture(scope='module')
def records(tmp_path_factory):
  return records_lib.make(tmp_path_factory.mktemp('data'), num_images=20)


def config(records):
  settings = run_test.config(
    records, strategy='single_path', epochs=1, arch_start_epoch=0
  ).to_dict()
  settings['single_path'] = {**SIZES, 'num_images': 3}
  return config_lib.Config.from_dict(settings)


def records_of(directory):
  """Of the scores, in their order."""
  return list(map(json.loads, directory.scores.read_text().splitlines()))


def killed_after(count, monkeypatch):
  """Whoever scores here is killed when so many scores are noted."""
  add = score_log.ScoreLog.add

  def add_and_stop(self, found, scores):
    add(self, found, scores)
    if len(self) == count:
      raise KeyboardInterrupt

  monkeypatch.setattr(score_log.ScoreLog, 'add', add_and_stop)


@pytest.mark.slow
def test_an_evolution_that_is_killed_goes_on(records, tmp_path, monkeypatch):
  """By its scores, to the same end as with all of them made at once."""
  settings = config(records)
  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    killed_after(4, patch)
    run_test.search(settings, tmp_path / 'parts')
  directory = run_directory.RunDirectory(tmp_path / 'parts')
  assert not directory.summary.exists()
  before = directory.scores.read_text()
  assert len(records_of(directory)) == 1 + 4
  shutil.copytree(tmp_path / 'parts', tmp_path / 'whole')
  (tmp_path / 'whole' / 'scores.jsonl').unlink()
  whole = run_test.search(settings, tmp_path / 'whole', resume=True)
  run_test.search(settings, tmp_path / 'parts', resume=True)
  assert directory.scores.read_text().startswith(before)
  (facts, *ours), (same, *theirs) = map(records_of, (directory, whole))
  assert facts == same
  assert [x['digest'] for x in ours] == [x['digest'] for x in theirs]
  assert len(ours) == NUM_SCORED
  losses = [x['scores']['cross_entropy'] for x in ours]
  expected = [x['scores']['cross_entropy'] for x in theirs]
  assert losses == pytest.approx(expected, rel=1e-5)
  assert directory.genotype.read_bytes() == whole.genotype.read_bytes()

  found = genotype.Genotype.load(directory.genotype)
  assert found.digest == ours[losses.index(min(losses))]['digest']
  space = settings.space.build()
  kept = arch_weights.load(directory.arch_weights, space)
  assert (kept.op == arch_weights.one_hot(found, space).op).all()
  summary = directory.summary.read_text()
  assert f'Evolution scored {NUM_SCORED} architectures' in summary
  assert found.digest in summary


@pytest.mark.slow
def test_a_dry_run_counts_the_scores(records):
  estimate = search_run.dry_run(config(records))
  assert estimate.num_scored == NUM_SCORED and estimate.score_seconds > 0
  text = estimate.to_text()
  assert 'score of one architecture' in text
  assert f'{NUM_SCORED} times at the end' in text
  least = estimate.num_scored * estimate.score_seconds
  assert estimate.total_seconds > least


@pytest.mark.parametrize(
  'values, best, first',
  [([3.0, 2.0, 1.0], '1.0000', '2.0000'), ([math.nan, math.nan], 'nan', 'nan')],
)
def test_what_an_evolution_came_to_in_words(values, best, first):
  text = conclusion.described(values, 2)
  assert f'scored {len(values)} architectures' in text
  assert f'cross-entropy {best}, the best of the first 2' in text
  assert text.endswith(f'random, {first}.')


def test_what_is_left_is_said_where_scores_were_timed():
  """Workers that wait for the first one have timed none."""
  begun = '2 of 5 architectures: the best has cross-entropy 1.5000'
  timed = conclusion.progress([2.0, 1.5], 5, [8.0, 12.0])
  assert timed == f'{begun}; 30 s left.'
  assert conclusion.progress([2.0, 1.5], 5, []) == f'{begun}.'

"""What a study has tried, in the order in which it is picked."""

import dataclasses
import json
import math

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.trials import ledger, strategy
from deeplab_nas.search.trials.results import candidates
from deeplab_nas.space import latency
from tests.search.trials import studies

SHORT, FULL = strategy.Fidelity(100), strategy.Fidelity(400)
# Architecture, fidelity, cross-entropy, F.
TRIALS = (
  (0, SHORT, 0.1, 6.0),
  (1, SHORT, 0.9, 6.5),
  (2, SHORT, 0.2, 7.0),
  (1, FULL, 0.5, 6.5),
  (2, FULL, 0.3, 7.0),
  (2, FULL, 0.9, 7.0),
  (3, FULL, 0.4, 7.5),
)
GENOTYPES = studies.genotypes(studies.MIDDLE, 5)


def make_study(path, trials=TRIALS, found=1, settings=(), genotypes=GENOTYPES):
  """A run folder as a search by trials leaves it; the last one failed."""
  config = config_lib.load(
    'quickstart',
    ['search.strategy=random', 'space.num_layers=6', *settings],
  )
  run = run_directory.RunDirectory.create(path)
  continuation.start(run, config, ['train.py'], 'search')
  dataset_info.DatasetInfo.cityscapes().save(run.dataset)
  book = ledger.Ledger(run.ledger, ('cross_entropy',))
  for index, fidelity, loss, width in trials:
    proposal = strategy.Proposal(genotypes[index], fidelity)
    number = book.append(proposal, seed=0).number
    scores = {'cross_entropy': loss, 'miou': 1 - loss}
    book.finish(number, {**scores, 'filter_multiplier': width})
  book.finish(
    book.append(strategy.Proposal(genotypes[-1], FULL), seed=0).number,
    failure='nan',
  )
  book.export(run.candidates)
  book.close()
  genotypes[found].save(run.genotype)
  return run


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  return make_study(tmp_path_factory.mktemp('study') / 'run')


@pytest.fixture(scope='module')
def model():
  return config_lib.NetworkConfig(separable_head=True).cost_model(
    studies.MIDDLE, 19, (65, 97)
  )


def read(run, model, **values):
  return candidates.read(run, model, 'cross_entropy', **values)


def test_what_was_found_comes_first_then_the_best_of_the_longest(run, model):
  found = read(run, model).best(9)
  assert [each.genotype for each in found] == [
    GENOTYPES[index] for index in (1, 3, 2, 0)
  ]
  assert [each.steps for each in found] == [400, 400, 400, 100]
  assert found[2].scores['cross_entropy'] == pytest.approx(0.6)
  assert candidates.read(run, model, 'miou').best(9) == found


def test_each_is_counted_at_the_width_of_its_trials(run, model):
  first, second, *_ = read(run, model).best(9)
  for each, width in ((first, 6.5), (second, 7.5)):
    own = model.with_filter_multiplier(width)
    assert each.cost('macs') == own.of(each.genotype).macs
  wide = read(run, model, filter_multiplier=12)
  assert 'F = 12 for 19 classes at 65 x 97' in wide.heading()
  assert {wide.width_of(each) for each in wide.best(9)} == {12}


def test_limits_leave_the_best_of_what_is_within(run, model):
  study = read(run, model)
  costs = [each.cost('params') for each in study.best(9)]
  most = sorted(costs)[1]
  found = study.best(9, {'params': most, 'macs': 1e12})
  assert [each.cost('params') for each in found] == [
    cost for cost in costs if cost <= most
  ]
  with pytest.raises(
    errors.UserError,
    match='none of 4 architectures .* at most 5 parameters: the cheapest has',
  ) as refused:
    study.best(1, {'params': 5})
  assert f'{min(costs):,.4g}' in str(refused.value)


def test_a_table_has_to_cover_what_was_tried(run, model):
  narrow = model.with_filter_multiplier(3)
  times = {op: 1.0 for op in latency.required_operations([narrow.layers])}
  table = latency.LatencyTable('here', (65, 97), times)
  timed = dataclasses.replace(model, latencies=table)
  found = read(run, timed, filter_multiplier=3).best(1)
  assert found[0].cost('latency_ms') > 0
  with pytest.raises(errors.UserError, match='was tried with F = .* lacks'):
    read(run, timed)


def test_trainings_with_fresh_seeds_are_left_out(run, model, tmp_path):
  """Which were not of the search, and not on the same images."""
  rows = json.loads(run.candidates.read_text())
  again = dict(rows[0], phase='final', fidelity=FULL.to_dict())
  other = run_directory.RunDirectory(tmp_path)
  other.genotype.write_bytes(run.genotype.read_bytes())
  other.candidates.write_text(json.dumps([*rows, again]))
  steps = [each.steps for each in read(other, model).best(9)]
  assert steps == [400, 400, 400, 100]


def test_scores_without_a_training_are_left_out(run, model, tmp_path):
  rows = json.loads(run.candidates.read_text())
  scored = FULL._replace(evaluator=strategy.HYPERNETWORK)
  better = {**rows[0]['scores'], 'cross_entropy': 0, 'miou': 1}
  other = run_directory.RunDirectory(tmp_path)
  other.genotype.write_bytes(run.genotype.read_bytes())
  other.candidates.write_text(
    json.dumps([*rows, dict(rows[0], scores=better, fidelity=scored.to_dict())])
  )
  assert read(other, model).best(9) == read(run, model).best(9)


GENOTYPES_OF_OTHERS = studies.genotypes(studies.TINY, 1)[0]


def trial(genotype=GENOTYPES[0], scores=None):
  """The file of a study of one trial."""
  scores = scores or {'miou': 0.5, 'cross_entropy': 1.0}
  return json.dumps(
    [
      {
        'genotype': json.loads(genotype.to_json()),
        'fidelity': FULL.to_dict(),
        'scores': {'filter_multiplier': 6.0, **scores},
      }
    ]
  )


def test_a_file_without_trials_is_a_sentence(model, tmp_path):
  other = run_directory.RunDirectory(tmp_path)
  for content, sentence in {
    '[]': 'no trial with a score yet',
    '{': 'is damaged',
    '[{"scores": {"miou": 1}}]': 'is damaged',
    '[1]': 'is damaged',
    trial(scores={'miou': 'much'}): 'is damaged',
    trial(scores={'miou': math.nan}): 'is damaged',
    trial(scores={'miou': 0.5, 'filter_multiplier': None}): 'is damaged',
    trial(scores={'filter_multiplier': 1e400}): 'is damaged',
    trial(genotype=GENOTYPES_OF_OTHERS): 'is damaged',
    trial().replace('"miou"', '"other"'): 'is damaged',
    trial().replace('"filter_multiplier"', '"other"'): 'is damaged',
    trial().replace('"steps": ', '"steps": 1e400, "_": '): 'is damaged',
  }.items():
    other.candidates.write_text(content)
    with pytest.raises(errors.UserError, match=sentence):
      read(other, model)


def test_the_width_of_what_was_found_is_that_of_its_trials(run, tmp_path):
  assert candidates.width_found(run.path) == 6.5
  assert candidates.width_found(run.genotype) is None
  assert candidates.width_found('zoo:auto_deeplab') is None
  other = run_directory.RunDirectory(tmp_path)
  other.genotype.write_bytes(run.genotype.read_bytes())
  other.candidates.write_text('[]')
  assert candidates.width_found(tmp_path) is None


def test_cells_are_those_of_the_columns(run, model):
  study = read(run, model)
  (best,) = study.best(1)
  assert np.shape(study.columns()) == np.shape(study.cells(best))
  cells = dict(zip(study.columns(), study.cells(best)))
  assert cells['cross-entropy'] == '0.5' and cells['F'] == '6.5'


def test_the_front_of_several_objectives_is_marked(tmp_path, model):
  """In the file that others read, and in the table of `pick`."""
  run = run_directory.RunDirectory(tmp_path)
  book = ledger.Ledger(run.ledger, ('cross_entropy', 'params'))
  for index, loss in enumerate((0.5, 0.4, 0.9)):
    proposal = strategy.Proposal(GENOTYPES[index], FULL)
    scores = {'cross_entropy': loss, 'miou': 0.5, 'filter_multiplier': 6.0}
    number = book.append(proposal, seed=0).number
    book.finish(number, {**scores, 'params': 1.0 + (index == 1)})
  book.export(run.candidates, front=GENOTYPES[:2])
  book.close()
  rows = json.loads(run.candidates.read_text())
  assert [row['is_on_front'] for row in rows] == [True, True, False]
  GENOTYPES[1].save(run.genotype)
  found = read(run, model)
  assert found.columns()[-1] == 'front'
  assert [found.cells(each)[-1] for each in found.best(3)] == ['yes', 'yes', '']

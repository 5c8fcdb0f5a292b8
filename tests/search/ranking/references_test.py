"""Results of trainings are found in every file that has some."""

import json

import pytest

from deeplab_nas import errors
from deeplab_nas.search.ranking import references
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.table import protocol, rows, space
from deeplab_nas.space import genotype as genotype_lib
from tests.search.trials.results import candidates_test

GENOTYPES = candidates_test.GENOTYPES


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  return candidates_test.make_study(tmp_path_factory.mktemp('study') / 'run')


@pytest.mark.parametrize('name', ['', 'candidates.json', 'ledger.db'])
def test_a_study_gives_its_longest_trials(run, name):
  found = references.read(run.path / name)
  assert (found.steps, found.score) == (400, 'cross_entropy')
  assert found.values == {
    GENOTYPES[1]: (0.5,),
    GENOTYPES[2]: (0.9,),
    GENOTYPES[3]: (0.4,),
  }


def test_shorter_ones_and_other_scores_are_asked_for(run):
  found = references.read(run.path, 'miou', steps=100)
  assert found.values == {
    GENOTYPES[i]: (pytest.approx(-1 + loss),)
    for i, loss in ((0, 0.1), (1, 0.9), (2, 0.2))
  }
  with pytest.raises(errors.UserError, match='steps: expected one of 100, 400'):
    references.read(run.path, steps=300)
  with pytest.raises(errors.UserError, match='expected one of cross_entropy'):
    references.read(run.path, 'accuracy')


def test_reading_a_ledger_leaves_it_as_it_is(run):
  before = run.ledger.read_bytes(), sorted(run.path.iterdir())
  references.read(run.ledger)
  assert (run.ledger.read_bytes(), sorted(run.path.iterdir())) == before


def test_trainings_with_other_seeds_count_too(run, tmp_path):
  records = json.loads(run.candidates.read_text())
  again = {**records[3], 'phase': 'final', 'seed': 9}
  again['scores'] = {'cross_entropy': 0.25}
  path = tmp_path / 'candidates.json'
  path.write_text(json.dumps([*records, again]))
  assert references.read(path).values[GENOTYPES[1]] == (0.5, 0.25)


def test_scores_without_a_training_are_left_out(tmp_path):
  scored = strategy.Fidelity(1000, evaluator=strategy.HYPERNETWORK)
  trials = [*candidates_test.TRIALS, (0, scored, 0.01, 6.0)]
  run = candidates_test.make_study(tmp_path / 'run', trials)
  for path in (run.path, run.ledger):
    assert references.read(path).steps == 400


def test_a_table_gives_all_seeds_and_no_failures(tmp_path):
  table = rows.Table.create(
    protocol.Protocol(steps=(2, 5)), tmp_path / 'table.jsonl'
  )
  paths, cells = space.paths(), space.cells()
  first, second = (genotype_lib.Genotype(paths[i], cells[i]) for i in range(2))
  for genotype, steps, seed, loss in (
    (first, 2, 0, 0.9),
    (first, 5, 0, 0.7),
    (first, 5, 1, 0.6),
    (second, 5, 0, None),
  ):
    scores = loss and {'cross_entropy': 1.0, 'loss_sum': loss}
    table.append(rows.Row(rows.Key(genotype, steps, seed), 4.0, scores, 1.0))
  found = references.read(tmp_path / 'table.jsonl', 'loss_sum')
  assert found.values == {first: (0.7, 0.6)} and found.steps == 5


def test_the_package_has_a_table():
  found = references.read(rows.PACKAGED)
  assert len(found.values) >= 10
  assert all(genotype in space.SPACE for genotype in found.values)


@pytest.mark.parametrize(
  ('name', 'content', 'message'),
  [
    ('absent.json', None, 'There is no file or folder'),
    ('other.json', '{"a": 1}', 'holds no results of trainings: expected'),
    ('text.json', 'what?', 'holds no results of trainings: expected'),
    ('empty.json', '[]', 'has no training with a score yet'),
    ('table.jsonl', '{}\n', 'no table of trials'),
    ('ledger.db', 'text', 'is no ledger of a study'),
  ],
)
def test_other_files_are_refused(tmp_path, name, content, message):
  if content is not None:
    (tmp_path / name).write_text(content)
  with pytest.raises(errors.UserError, match=message):
    references.read(tmp_path / name)
  with pytest.raises(errors.UserError, match='has no candidates.json'):
    references.read(tmp_path)

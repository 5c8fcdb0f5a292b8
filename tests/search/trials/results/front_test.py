"""The front of several objectives, as people and commands see it."""

import shlex

import pytest

from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.results import front
from deeplab_nas.space import genotype
from tests.search.trials import studies

STUDY = strategy.Study(
  studies.MIDDLE, (studies.FULL,), ('cross_entropy', 'activation_mb')
)
ONE = strategy.Study(studies.MIDDLE, (studies.FULL,))
ROWS = ((0.5, 2.0), (0.4, 3.0), (0.6, 2.5), (0.3, 4.0), (0.9, 4.0))
ON_FRONT = (3, 1, 0)  # by the first objective


@pytest.fixture
def run(tmp_path):
  return run_directory.RunDirectory.create(tmp_path / 'study')


def trials(rows=ROWS):
  genotypes = studies.genotypes(studies.MIDDLE, len(rows))
  found = []
  for number, (genotype_, row) in enumerate(zip(genotypes, rows)):
    trial = studies.trial(number, genotype_, row[0])
    scores = {**trial.scores, 'activation_mb': row[1], 'filter_multiplier': 3.5}
    found.append(trial._replace(scores=scores))
  return found


def test_the_table_has_the_front_and_a_training_of_each(run):
  made = trials()
  lines = front.lines(run, STUDY, made)
  assert lines[0].endswith('hypervolume 0.2500.')
  rows = [line.split() for line in lines[2:5]]
  assert [row[1] for row in rows] == [str(number) for number in ON_FRONT]
  assert rows[0][2:] == ['3.5', '0.3', '4']
  commands = [shlex.split(line) for line in lines[6:]]
  assert len(commands) == 3
  for number, command in zip(ON_FRONT, commands):
    file = front.path_of(run, made[number].genotype)
    assert f'--genotype={file}' in command
    assert '--set=network.filter_multiplier=3.5' in command
  runs = [
    [word for word in c if word.startswith('--run_dir')] for c in commands
  ]
  assert len(set(map(tuple, runs))) == 3


def test_the_hypervolume_is_that_of_the_three_rectangles():
  """In units of .9 and 4: the trials' worst values."""
  area = (0.9 - 0.5) * (3 - 2) + (0.9 - 0.4) * (4 - 3)
  assert round(area / (0.9 * 4), 4) == 0.25
  # The third one lies on the border and adds nothing.
  share = front.phrase(STUDY, trials())
  assert share == 'front of 3, hypervolume 0.2500'


def test_its_files_are_those_of_the_front(run):
  made = trials()
  front.save(run, STUDY, made[:1])
  front.save(run, STUDY, made[:2] + made[3:])
  found = {genotype.Genotype.load(path) for path in run.front.iterdir()}
  assert found == {made[number].genotype for number in ON_FRONT}
  front.save(run, STUDY, made[3:])
  assert len(list(run.front.iterdir())) == 1


def test_of_one_objective_there_is_no_front(run):
  front.save(run, ONE, trials())
  assert not run.front.exists()
  assert front.lines(run, ONE, trials()) == []
  assert front.phrase(ONE, trials()) is None

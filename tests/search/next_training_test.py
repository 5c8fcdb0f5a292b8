"""The command that trains what was found."""

import shlex

from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import next_training
from tests.search.trials.results import candidates_test


def test_it_is_of_the_settings_of_the_search(tmp_path):
  settings = ['network.filter_multiplier=5', 'train.epochs=3']
  run = candidates_test.make_study(tmp_path / 'study', settings=settings)
  words = shlex.split(next_training.line(run, run.genotype))
  assert words[1].endswith('scripts/train.py')
  assert words[2:] == [
    '--mode=train',
    '--config=quickstart',
    '--set=network.filter_multiplier=5',
    '--set=train.epochs=3',
    f'--genotype={run.genotype}',
    f'--run_dir={run.path}_train',
  ]


def test_a_width_of_its_own_takes_the_place_of_theirs(tmp_path):
  settings = ['network.filter_multiplier=5']
  run = candidates_test.make_study(tmp_path / 'study', settings=settings)
  words = shlex.split(next_training.line(run, 'a.json', 7.25))
  widths = [word for word in words if 'filter_multiplier' in word]
  assert widths == ['--set=network.filter_multiplier=7.25']
  assert '--genotype=a.json' in words


def test_a_folder_without_settings_names_where_they_should_be(tmp_path):
  run = run_directory.RunDirectory(tmp_path / 'study')
  assert f'--config={run.config}' in next_training.line(run, run.genotype)

from __future__ import annotations

import pytest

from deeplab_nas.data import dataset_info
from tests.data import tiny_folder
from tests.datasets import command

SCRIPT = 'build_folder_data.py'


@pytest.fixture
def folder(tmp_path):
  return tiny_folder.TinyFolder(tmp_path / 'data')


def run(folder, tmp_path, *arguments):
  return command.run(
    SCRIPT,
    f'--data_dir={folder.root}',
    f'--output_dir={tmp_path / "out"}',
    *arguments,
  )


def test_folder_is_converted(folder, tmp_path):
  result = run(folder, tmp_path, '--val_fraction=0.5', '--num_shards=1')
  assert result.returncode == 0, result.stderr
  assert 'train: 2 examples in 1 shards, up to 12 x 16' in result.stderr
  info = dataset_info.DatasetInfo.load(tmp_path / 'out')
  assert info.splits['val'].num_examples == 2


def test_refusal_is_a_sentence_and_an_exit_code(folder, tmp_path):
  folder.mask('a.png', tiny_folder.stripes((0, 7)))
  (line,) = command.error_lines(run(folder, tmp_path))
  assert line.endswith(
    'masks/a.png holds values that are none of the 3 classes: 7 (96 pixels);'
    ' convert with --map=7:ignore or correct the list of classes.'
  )
  assert not (tmp_path / 'out' / 'dataset.json').exists()


def test_the_map_that_is_suggested_works(folder, tmp_path):
  folder.mask('a.png', tiny_folder.stripes((0, 7)))
  assert run(folder, tmp_path, '--map=7:ignore').returncode == 0


@pytest.mark.parametrize(
  ('flag', 'words'),
  [
    ('--map=nonsense', "--map: 'nonsense' is not of the form value:class"),
    ('--labels=none.txt', 'The labels file none.txt does not exist'),
    ('--ignore_label=999', 'ignore label 999'),
    ('--val_fraction=2', '--val_fraction=2.0'),
    ('--mask_suffix=_x', 'names ending in _x.png'),
    ('--num_shards=0', '--num_shards=0'),
    ('stray', "Unexpected argument 'stray'"),
  ],
)
def test_bad_flags_are_refused(flag, words, folder, tmp_path):
  assert words in command.error_lines(run(folder, tmp_path, flag))[0]


def test_missing_flag_is_named():
  result = command.run(SCRIPT)
  assert result.returncode != 0 and 'Traceback' not in result.stderr
  assert 'data_dir' in result.stderr + result.stdout

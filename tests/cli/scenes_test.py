from __future__ import annotations

import numpy as np
from PIL import Image

from deeplab_nas.data import conversion, layouts
from tests import command

SCRIPT = 'datasets/make_street_scenes.py'
SMALL = ('--num_train=3', '--num_val=1', '--height=32', '--width=64')


def run(output, *arguments):
  return command.here(SCRIPT, f'--output_dir={output}', *SMALL, *arguments)


def test_scenes_are_cityscapes_with_both_kinds_of_ids(tmp_path):
  result = run(tmp_path)
  assert result.returncode == 0, result.stderr
  images = sorted(tmp_path.glob('leftImg8bit/*/*/*_leftImg8bit.png'))
  assert [path.parts[-3] for path in images] == ['train'] * 3 + ['val']
  source = layouts.cityscapes(tmp_path)
  by_train_ids = conversion.check(source, workers=1)
  for path in tmp_path.rglob('*_labelTrainIds.png'):
    path.unlink()
  by_label_ids = conversion.check(layouts.cityscapes(tmp_path), workers=1)
  assert by_train_ids == by_label_ids
  assert by_train_ids.splits['train'].max_size == (32, 64)


def test_equal_seeds_give_equal_files(tmp_path):
  files = []
  for name, seed in (('one', 1), ('two', 1), ('three', 2)):
    run(tmp_path / name, f'--seed={seed}')
    path = next(iter(sorted((tmp_path / name).rglob('*leftImg8bit.png'))))
    files.append(np.asarray(Image.open(path)))
  np.testing.assert_array_equal(files[0], files[1])
  assert (files[0] != files[2]).any()


def test_folder_with_other_scenes_is_refused(tmp_path):
  assert run(tmp_path).returncode == 0
  assert run(tmp_path).returncode == 0
  (line,) = command.error_lines(run(tmp_path, '--seed=5'))
  assert 'already holds other scenes' in line

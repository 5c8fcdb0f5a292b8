from __future__ import annotations

from deeplab_nas.data import dataset_info
from tests.data import layouts_test
from tests.datasets import command

SCRIPT = 'build_cityscapes_data.py'


def test_cityscapes_is_converted(tmp_path):
  root = layouts_test.cityscapes(tmp_path / 'city')
  result = command.run(
    SCRIPT, f'--data_dir={root}', f'--output_dir={tmp_path / "out"}'
  )
  assert result.returncode == 0, result.stderr
  assert '17 of 19 classes never occur' in result.stderr
  info = dataset_info.DatasetInfo.load(tmp_path / 'out')
  assert info.num_classes == 19
  assert info.splits['val'].class_pixels[13] == 96


def test_folder_without_cityscapes_is_refused(tmp_path):
  result = command.run(
    SCRIPT, f'--data_dir={tmp_path}', f'--output_dir={tmp_path / "out"}'
  )
  (line,) = command.error_lines(result)
  assert line.endswith('leftImg8bit/train is not a directory.')

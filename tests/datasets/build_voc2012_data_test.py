from __future__ import annotations

import pytest

from deeplab_nas.data import dataset_info
from tests.data import layouts_test
from tests.datasets import command

SCRIPT = 'build_voc2012_data.py'


def test_voc_is_converted(tmp_path):
  root = layouts_test.voc(tmp_path / 'voc', {'train': 'a\nb\n', 'val': 'c\n'})
  result = command.run(
    SCRIPT, f'--data_dir={root}', f'--output_dir={tmp_path / "out"}'
  )
  assert result.returncode == 0, result.stderr
  info = dataset_info.DatasetInfo.load(tmp_path / 'out')
  assert info.num_classes == 21
  assert info.splits['train'].class_pixels[:3] == (96, 96, 96)


def test_train_image_in_val_is_refused(tmp_path):
  lists = {'train': 'a\nb\n', 'val': 'b\n'}
  root = layouts_test.voc(tmp_path / 'voc', lists)
  result = command.run(
    SCRIPT, f'--data_dir={root}', f'--output_dir={tmp_path / "out"}'
  )
  (line,) = command.error_lines(result)
  assert 'Splits train and val share 1 images, first b' in line


@pytest.mark.slow
def test_camvid_is_converted(tmp_path):
  camvid = command.SHARED / 'camvid'
  if not camvid.exists():
    pytest.skip('../shared/data/camvid is not there')
  arguments = [
    f'--data_dir={camvid / "VOC2012"}',
    f'--labels={camvid / "labels.txt"}',
    f'--output_dir={tmp_path}',
  ]
  assert command.run(SCRIPT, *arguments).returncode == 0
  info = dataset_info.DatasetInfo.load(tmp_path)
  assert info.class_names[10] == 'bicyclist'
  assert info.splits['train'].num_examples == 367
  assert info.splits['val'].num_examples == 101
  assert info.splits['val'].max_size == (360, 480)
  checked = command.run('check_data.py', f'--dataset_dir={tmp_path}')
  assert checked.returncode == 0 and 'No problems found' in checked.stderr

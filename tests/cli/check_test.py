from __future__ import annotations

import pytest
from PIL import Image

from deeplab_nas.data import conversion, layouts
from tests import command
from tests.data import tiny_folder

SCRIPT = 'datasets/check_data.py'
SHARED = command.ROOT.parent / 'shared' / 'data'


@pytest.fixture
def folder(tmp_path):
  return tiny_folder.TinyFolder(tmp_path / 'data')


def test_shards_are_checked_and_drawn(folder, tmp_path):
  output = conversion.Output(str(tmp_path / 'out'), workers=1)
  conversion.convert(layouts.folder(folder.root), output)
  result = command.here(
    SCRIPT,
    f'--dataset_dir={tmp_path / "out"}',
    f'--sheet={tmp_path / "sheet.png"}',
  )
  assert result.returncode == 0, result.stderr
  assert 'No problems found' in result.stderr
  assert '2 car' in result.stderr
  # Three samples stand in two columns.
  assert Image.open(tmp_path / 'sheet.png').width == 2 * 646 - 6


def test_an_absent_class_is_no_cheerful_end(folder):
  for name in 'abcd':
    folder.mask(f'{name}.png', tiny_folder.stripes((0, 1)))
  result = command.here(SCRIPT, f'--data_dir={folder.root}')
  assert result.returncode == 0, result.stderr
  assert '1 of 3 classes never occurs: car.' in result.stderr.splitlines()[-1]
  assert 'No problems found' not in result.stderr


def test_folder_is_checked_and_nothing_is_written(folder, tmp_path):
  before = sorted(tmp_path.rglob('*'))
  result = command.here(SCRIPT, f'--data_dir={folder.root}')
  assert result.returncode == 0, result.stderr
  assert 'train: 3 examples, up to 12 x 16' in result.stderr
  assert sorted(tmp_path.rglob('*')) == before


def test_bad_folder_is_refused(folder):
  folder.write('images/a.png', b'')
  result = command.here(SCRIPT, f'--data_dir={folder.root}')
  (line,) = command.error_lines(result)
  assert line.endswith('images/a.png is empty (0 bytes): restore or remove it.')


def test_one_of_both_folders_must_be_given(folder):
  (line,) = command.error_lines(command.here(SCRIPT))
  assert 'either --dataset_dir=SHARDS or --data_dir=' in line


@pytest.mark.slow
def test_official_records_are_read_by_name():
  records = SHARED / 'deeplab_records'
  if not records.exists():
    pytest.skip('../shared/data/deeplab_records is not there')
  result = command.here(
    SCRIPT, f'--dataset_dir={records}', '--dataset=pascal_voc_seg'
  )
  # The masks of this test file are noise; that must be said, not crash.
  (line,) = command.error_lines(result)
  assert '2007_000033' in line and '234 values' in line

from __future__ import annotations

import pytest

from deeplab_nas.data import dataset_info
from tests import command
from tests.data import layouts_test, tiny_folder

SCRIPT = 'datasets/build_folder_data.py'
CITYSCAPES = 'datasets/build_cityscapes_data.py'
VOC = 'datasets/build_voc2012_data.py'
SHARED = command.ROOT.parent / 'shared' / 'data'


@pytest.fixture
def folder(tmp_path):
  return tiny_folder.TinyFolder(tmp_path / 'data')


def run(folder, tmp_path, *arguments):
  return command.here(
    SCRIPT,
    f'--data_dir={folder.root}',
    f'--output_dir={tmp_path / "out"}',
    *arguments,
  )


def test_folder_is_converted(folder, tmp_path):
  result = run(folder, tmp_path, '--val_fraction=0.5', '--num_shards=1')
  assert result.returncode == 0, result.stderr
  assert 'train: 2 examples in 1 shard, up to 12 x 16' in result.stderr
  info = dataset_info.DatasetInfo.load(tmp_path / 'out')
  assert info.splits['val'].num_examples == 2


def test_refusal_is_a_sentence_and_an_exit_code(folder, tmp_path):
  folder.mask('a.png', tiny_folder.stripes((0, 7)))
  (line,) = command.error_lines(run(folder, tmp_path))
  assert line.endswith(
    'masks/a.png holds values that are none of the 3 classes: 7 (96 pixels);'
    ' name the missing classes in the labels file, or convert with'
    ' --map=7:ignore if these are no classes.'
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


def test_every_missing_flag_is_named():
  assert command.error_lines(command.here(SCRIPT)) == [
    'error: --data_dir is missing: give --data_dir=VALUE.',
    'error: --output_dir is missing: give --output_dir=VALUE.',
  ]


def test_cityscapes_is_converted(tmp_path):
  root = layouts_test.cityscapes(tmp_path / 'city')
  result = command.here(
    CITYSCAPES, f'--data_dir={root}', f'--output_dir={tmp_path / "out"}'
  )
  assert result.returncode == 0, result.stderr
  assert '17 of 19 classes never occur' in result.stderr
  info = dataset_info.DatasetInfo.load(tmp_path / 'out')
  assert info.num_classes == 19
  assert info.splits['val'].class_pixels[13] == 96


def test_folder_without_cityscapes_is_refused(tmp_path):
  result = command.here(
    CITYSCAPES, f'--data_dir={tmp_path}', f'--output_dir={tmp_path / "out"}'
  )
  (line,) = command.error_lines(result)
  assert line.endswith('leftImg8bit/train is not a directory.')


def test_voc_is_converted(tmp_path):
  root = layouts_test.voc(tmp_path / 'voc', {'train': 'a\nb\n', 'val': 'c\n'})
  result = command.here(
    VOC, f'--data_dir={root}', f'--output_dir={tmp_path / "out"}'
  )
  assert result.returncode == 0, result.stderr
  info = dataset_info.DatasetInfo.load(tmp_path / 'out')
  assert info.num_classes == 21
  assert info.splits['train'].class_pixels[:3] == (96, 96, 96)


def test_train_image_in_val_is_refused(tmp_path):
  lists = {'train': 'a\nb\n', 'val': 'b\n'}
  root = layouts_test.voc(tmp_path / 'voc', lists)
  result = command.here(
    VOC, f'--data_dir={root}', f'--output_dir={tmp_path / "out"}'
  )
  (line,) = command.error_lines(result)
  assert 'Splits train and val share 1 image, first b' in line


@pytest.mark.slow
def test_camvid_is_converted(tmp_path):
  camvid = SHARED / 'camvid'
  if not camvid.exists():
    pytest.skip('../shared/data/camvid is not there')
  arguments = [
    f'--data_dir={camvid / "VOC2012"}',
    f'--labels={camvid / "labels.txt"}',
    f'--output_dir={tmp_path}',
  ]
  assert command.here(VOC, *arguments).returncode == 0
  info = dataset_info.DatasetInfo.load(tmp_path)
  assert info.class_names[10] == 'bicyclist'
  assert info.splits['train'].num_examples == 367
  assert info.splits['val'].num_examples == 101
  assert info.splits['val'].max_size == (360, 480)
  checked = command.here('datasets/check_data.py', f'--dataset_dir={tmp_path}')
  assert checked.returncode == 0 and 'No problems found' in checked.stderr

"""The images that a run validates on."""

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import (
  conversion,
  dataset_info,
  layouts,
  split_contents,
  subsets,
)
from deeplab_nas.run import val_batches
from tests.data import labelled_test, tiny_folder
from tests.train import records as records_lib


@pytest.fixture
def data(records):
  return records_lib.config(records).data


@pytest.mark.parametrize(
  'split, most, expected', [('val', None, 2), ('val', 1, 1), ('train', 3, 3)]
)
def test_it_is_the_split_or_its_start(data, split, most, expected):
  config = dataclasses.replace(data, val_split=split, max_val_images=most)
  val = val_batches.make(config, dataset_info.DatasetInfo.load(data.dir))
  assert sum(len(images) for images, _ in val) == expected


def test_what_is_held_out_takes_the_place_of_the_split(data):
  config = dataclasses.replace(data, held_out_fraction=0.25, val_split='')
  val = val_batches.make(config, dataset_info.DatasetInfo.load(data.dir))
  names = split_contents.file_names(data.dir, 'train')
  held_out = subsets.held_out(names, 0.25)
  assert sum(len(images) for images, _ in val) == len(held_out) == 2


def test_no_split_is_no_validation(data, caplog):
  config = dataclasses.replace(data, val_split='')
  assert (
    val_batches.make(config, dataset_info.DatasetInfo.load(data.dir)) is None
  )
  assert 'nothing will be validated' in caplog.text


def test_images_without_a_label_are_refused(tmp_path):
  labelled_test.write(tmp_path, 'val', (255,), None)
  config = config_lib.DataConfig(dir=str(tmp_path))
  with pytest.raises(errors.UserError, match='Split val of .* no pixel with'):
    val_batches.make(config, labelled_test.INFO)


def test_tall_and_wide_images_are_not_padded_to_the_largest_of_both(tmp_path):
  sizes = {'a': (12, 96), 'b': (96, 12), 'c': (24, 24), 'd': (12, 12)}
  folder = tiny_folder.TinyFolder(tmp_path / 'folder', sizes)
  for name, size in sizes.items():
    folder.image(f'{name}.png', tiny_folder.picture(size=size))
    folder.mask(f'{name}.png', tiny_folder.stripes(size=size))
  folder.write('train.txt', 'd')
  folder.write('val.txt', 'a\nb\nc')
  output = conversion.Output(str(tmp_path / 'records'), workers=1)
  info = conversion.convert(layouts.folder(folder.root), output)
  data = records_lib.config(output.directory).data
  found = [tuple(images.shape) for images, _ in val_batches.make(data, info)]
  assert sorted(found) == [(1, 12, 96, 3), (1, 24, 24, 3), (1, 96, 12, 3)]
  few = dataclasses.replace(data, max_val_images=1)
  assert len(list(val_batches.make(few, info))) == 1
  # Devices share batches of one shape.
  (first, *_), *_ = val_batches.make(data, info, fills_last=True)
  assert first.shape == (2, 96, 96, 3)

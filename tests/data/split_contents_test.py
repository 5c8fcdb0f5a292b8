"""How many examples a split has, their names and sizes."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.data import (
  conversion,
  dataset_info,
  layouts,
  split_contents,
  subsets,
)
from deeplab_nas.data.pipeline_config import Shares
from tests.data import tiny_folder

SIZES = {'a': (12, 16), 'b': (20, 8), 'c': (9, 30), 'd': (12, 16), 'e': (7, 7)}


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
  root = tmp_path_factory.mktemp('contents')
  folder = tiny_folder.TinyFolder(root / 'folder', SIZES)
  for name, size in SIZES.items():
    folder.image(f'{name}.png', tiny_folder.picture(size=size))
    folder.mask(f'{name}.png', tiny_folder.stripes(size=size))
  folder.write('train.txt', 'd\ne')
  folder.write('val.txt', 'a\nb\nc')
  output = conversion.Output(str(root / 'records'), workers=1)
  conversion.convert(layouts.folder(folder.root), output)
  return root / 'records'


@pytest.fixture
def info(data_dir):
  return dataset_info.DatasetInfo.load(data_dir)


def test_names_and_sizes_come_in_the_order_of_the_records(data_dir):
  assert split_contents.file_names(data_dir, 'val') == ['a', 'b', 'c']
  np.testing.assert_array_equal(
    split_contents.image_sizes(data_dir, 'val'), [SIZES[x] for x in 'abc']
  )


def test_the_largest_sides_are_known_with_and_without_a_description(
  data_dir, info
):
  unknown = dataclasses.replace(info, splits={})
  for description in (info, unknown):
    found = split_contents.max_size(data_dir, 'val', description)
    assert found == (20, 30)


def test_counts_are_of_what_is_trained_on(data_dir):
  names = split_contents.file_names(data_dir, 'val')
  held_out = subsets.held_out(names, 0.4)
  assert split_contents.count_trained(data_dir, 'val') == 3
  left = split_contents.count_trained(data_dir, 'val', Shares(0.4))
  assert left == 3 - len(held_out) > 0
  halves = split_contents.count_subsets(data_dir, 'val', Shares(0.4))
  assert sum(halves.values()) == left


def test_a_part_is_named_unless_it_is_all(data_dir):
  paths = sorted(data_dir.glob('val-*'))
  assert split_contents.part(data_dir, 'val', paths, None, Shares()) == (
    3,
    None,
  )
  size, names = split_contents.part(data_dir, 'val', paths, 'a', Shares())
  assert (
    size == len(names) == split_contents.count_subsets(data_dir, 'val')['a']
  )
  with pytest.raises(errors.UserError, match="Unknown subset 'c'"):
    split_contents.part(data_dir, 'val', paths, 'c', Shares())


def test_records_of_some_names_are_read_alone(data_dir):
  paths = sorted(data_dir.glob('val-*'))
  some = split_contents.undecoded(paths, ['c', 'a'])
  found = split_contents.names_of(some).as_numpy_iterator()
  assert list(found) == [b'a', b'c']

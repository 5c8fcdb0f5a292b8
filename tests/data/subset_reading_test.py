"""Parts of a split as they are read: halves, and what is held out."""

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import (
  conversion,
  dataset_info,
  example_schema,
  input_pipeline,
  layouts,
  split_contents,
  subsets,
)
from deeplab_nas.data.pipeline_config import Shares
from tests.data import tiny_folder
from tests.data.tiny_folder import picture

NAMES = [f'image{index:02d}' for index in range(9)]


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
  root = tmp_path_factory.mktemp('parts')
  folder = tiny_folder.TinyFolder(root / 'data', [*NAMES, 'alone'])
  folder.write('train.txt', '\n'.join(NAMES))
  folder.write('val.txt', 'alone')
  output = conversion.Output(str(root / 'out'), num_shards=3, workers=1)
  conversion.convert(layouts.folder(folder.root), output)
  return root / 'out'


@pytest.fixture(scope='module')
def info(data_dir):
  return dataset_info.DatasetInfo.load(data_dir)


def config(**changes) -> input_pipeline.PipelineConfig:
  """Images come as they are."""
  defaults = {
    'crop_size': (12, 16),
    'min_scale': 1,
    'max_scale': 1,
    'flip': False,
    'batch_size': 1,
    'seed': 5,
    'cache': False,
  }
  return input_pipeline.PipelineConfig(**{**defaults, **changes})


def seen(dataset) -> list[str]:
  """Names of all images of a dataset."""
  return sorted(
    name
    for image, _ in dataset.take(99).as_numpy_iterator()
    for index, name in enumerate(NAMES)
    if (image[0] == picture(index)).all()
  )


def write_records(folder, names) -> None:
  path = str(folder / 'train-00000-of-00001.tfrecord')
  png = tf.io.encode_png(picture()).numpy()
  with tf.io.TFRecordWriter(path) as writer:
    for name in names:
      record = example_schema.encode_example(name, png, 'png', (12, 16), None)
      writer.write(record)


def test_halves_are_disjoint_and_complete(data_dir, info):
  for half in 'ab':
    dataset = input_pipeline.train_dataset(
      data_dir, 'train', info, config(), half, repeat=False
    )
    assert seen(dataset) == [n for n in NAMES if subsets.half_of(n) == half]
  counts = split_contents.count_subsets(data_dir, 'train')
  assert counts['a'] + counts['b'] == 9 and min(counts.values()) > 0


def test_the_few_are_read_by_half(tmp_path):
  names = [f'image{index}' for index in range(400)]
  same = [name for name in names if subsets.half_of(name) == 'b'][:5]
  write_records(tmp_path, same)
  read = {
    half: input_pipeline.batch_names(
      tmp_path, 'train', config(batch_size=4), 0, half
    )
    for half in 'ab'
  }
  assert len(set(read['a'])) == 3 and len(set(read['b'])) == 2
  assert sorted({*read['a'], *read['b']}) == sorted(same)


@pytest.mark.parametrize('b_fraction', [0.5, 0.2])
def test_what_is_held_out_is_never_trained_on(data_dir, info, b_fraction):
  settings = config(held_out_fraction=0.3, b_fraction=b_fraction)
  held_out = subsets.held_out(NAMES, 0.3)
  assert len(held_out) == 3
  trained = {
    subset: seen(
      input_pipeline.train_dataset(
        data_dir, 'train', info, settings, subset, repeat=False
      )
    )
    for subset in ('a', 'b', None)
  }
  assert trained[None] == sorted(set(NAMES) - held_out)
  assert sorted(trained['a'] + trained['b']) == trained[None]
  shares = Shares(0.3, b_fraction)
  assert split_contents.count_subsets(data_dir, 'train', shares) == {
    half: len(trained[half]) for half in 'ab'
  }
  assert split_contents.count_trained(data_dir, 'train', shares) == 6
  validated = input_pipeline.eval_dataset(
    data_dir, 'train', info, settings, held_out=True
  )
  assert seen(validated) == sorted(held_out)


def test_the_names_of_a_batch_are_those_of_what_is_trained(data_dir):
  settings = config(batch_size=3, held_out_fraction=0.3)
  names = {
    name
    for step in range(4)
    for name in input_pipeline.batch_names(data_dir, 'train', settings, step)
  }
  assert names == set(NAMES) - subsets.held_out(NAMES, 0.3)


def test_a_split_too_small_to_hold_out_a_part_is_refused(tmp_path, info):
  write_records(tmp_path, ['only'])
  settings = config(held_out_fraction=0.3)
  with pytest.raises(errors.UserError, match='too few to hold out 0.3 of them'):
    input_pipeline.train_dataset(tmp_path, 'train', info, settings)


def test_empty_half_is_refused(tmp_path, info):
  write_records(tmp_path, ['only'])
  empty = 'b' if subsets.half_of('only') == 'a' else 'a'
  with pytest.raises(errors.UserError, match=f'Half {empty} of split train'):
    input_pipeline.train_dataset(tmp_path, 'train', info, config(), empty)


def test_unknown_subset_is_refused(data_dir, info):
  with pytest.raises(errors.UserError, match="Unknown subset 'c'"):
    input_pipeline.train_dataset(data_dir, 'train', info, config(), 'c')


def test_whole_images_are_those_that_are_trained_on(data_dir, info):
  """In the seed's order, which another dataset repeats."""

  def names(subset=None, **changes):
    images = input_pipeline.whole_images(
      data_dir, 'train', info, config(**changes), subset
    )
    return [
      name
      for image, _ in images.as_numpy_iterator()
      for index, name in enumerate(NAMES)
      if (image == picture(index)).all()
    ]

  assert sorted(names()) == NAMES
  assert names() == names() != names(seed=6)
  assert sorted(names('a') + names('b')) == NAMES and names('a')
  held_out = subsets.held_out(NAMES, 0.4)
  assert set(names(held_out_fraction=0.4)) == set(NAMES) - held_out


def test_an_empty_half_is_refused_with_the_sizes_of_both(data_dir):
  paths = sorted(data_dir.glob('val-*'))
  shares = Shares(b=0.2)
  with pytest.raises(errors.UserError, match=r'Half b .*\(a: 1, b: 0\)'):
    split_contents.part(data_dir, 'val', paths, 'b', shares)

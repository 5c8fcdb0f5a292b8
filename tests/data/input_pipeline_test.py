from __future__ import annotations

import dataclasses
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import (
  common_windows,
  conversion,
  dataset_info,
  example_schema,
  input_pipeline,
  layouts,
  shards,
  split_contents,
)
from deeplab_nas.run import data_wait
from tests.data import tiny_folder
from tests.data.tiny_folder import picture, stripes

SHARED = pathlib.Path(__file__).parents[3] / 'shared' / 'data'
NAMES = [f'image{index:02d}' for index in range(12)]
MEAN = (10.0, 20.0, 30.0)


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
  root = tmp_path_factory.mktemp('pipeline')
  folder = tiny_folder.TinyFolder(root / 'data', NAMES)
  folder.write('train.txt', '\n'.join(NAMES[:9]))
  folder.write('val.txt', '\n'.join(NAMES[9:]))
  folder.image(f'{NAMES[10]}.png', picture(10, (8, 20)))
  folder.mask(f'{NAMES[10]}.png', stripes(size=(8, 20)))
  output = conversion.Output(str(root / 'out'), num_shards=3, workers=1)
  conversion.convert(layouts.folder(folder.root), output)
  return root / 'out'


@pytest.fixture(scope='module')
def info(data_dir):
  loaded = dataset_info.DatasetInfo.load(data_dir)
  return dataclasses.replace(loaded, mean_pixel=MEAN)


def config(**changes) -> input_pipeline.PipelineConfig:
  defaults = {'crop_size': (10, 14), 'batch_size': 2, 'seed': 5, 'cache': False}
  return input_pipeline.PipelineConfig(**{**defaults, **changes})


def batches(dataset, count: int) -> list:
  return list(dataset.take(count).as_numpy_iterator())


def assert_equal(left, right) -> None:
  assert len(left) == len(right) > 0
  for (image, label), (other_image, other_label) in zip(left, right):
    np.testing.assert_array_equal(image, other_image)
    np.testing.assert_array_equal(label, other_label)


def test_train_batches_have_static_shapes_and_ranges(data_dir, info):
  dataset = input_pipeline.train_dataset(
    data_dir, 'train', info, config(color_jitter=0.4)
  )
  image_spec, label_spec = dataset.element_spec
  assert image_spec.shape == (2, 10, 14, 3) and image_spec.dtype == tf.float32
  assert label_spec.shape == (2, 10, 14) and label_spec.dtype == tf.int32
  for image, label in batches(dataset, 20):
    assert image.min() >= 0 and image.max() <= 255
    assert set(np.unique(label)) <= {0, 1, 2, 255}


@pytest.mark.parametrize('cache', [False, True])
def test_equal_seeds_give_equal_batches(cache, data_dir, info):
  settings = config(color_jitter=0.2, cache=cache)
  first, second = (
    batches(input_pipeline.train_dataset(data_dir, 'train', info, settings), 12)
    for _ in range(2)
  )
  assert_equal(first, second)


def test_other_seeds_give_other_batches(data_dir, info):
  first, second = (
    batches(
      input_pipeline.train_dataset(data_dir, 'train', info, config(seed=s)), 3
    )
    for s in (1, 2)
  )
  assert any((a[0] != b[0]).any() for a, b in zip(first, second))


def test_no_seed_differs_from_run_to_run(data_dir, info):
  first, second = (
    batches(
      input_pipeline.train_dataset(data_dir, 'train', info, config(seed=None)),
      3,
    )
    for _ in range(2)
  )
  assert any((a[0] != b[0]).any() for a, b in zip(first, second))


def test_start_step_continues_where_a_run_stopped(data_dir, info):
  whole = input_pipeline.train_dataset(data_dir, 'train', info, config())
  rest = input_pipeline.train_dataset(
    data_dir, 'train', info, config(), start_step=7
  )
  assert_equal(batches(whole, 10)[7:], batches(rest, 3))


@pytest.mark.parametrize(
  'cache', [pytest.param(False, marks=pytest.mark.slow), True]
)
@pytest.mark.parametrize('subset', ['a', 'b', None])
def test_the_names_of_a_batch_are_those_of_its_images(
  cache, subset, data_dir, info
):
  settings = config(
    crop_size=(12, 16),
    min_scale=1,
    max_scale=1,
    flip=False,
    cache=cache,
    shuffle_buffer=3,
  )
  dataset = input_pipeline.train_dataset(
    data_dir, 'train', info, settings, subset
  )
  pictures = {name: picture(i) for i, name in enumerate(NAMES[:9])}
  for step, (images, _) in enumerate(batches(dataset, 12)):
    names = input_pipeline.batch_names(
      data_dir, 'train', settings, step, subset
    )
    assert len(names) == 2
    for image, name in zip(images, names):
      np.testing.assert_array_equal(image, pictures[name])


def test_nothing_is_tuned_by_a_thread_that_iterators_wait_for(data_dir, info):
  of_split = data_dir, 'train', info, config()
  training = input_pipeline.train_dataset(*of_split)
  whole = input_pipeline.whole_images(*of_split)
  for dataset in (
    training,
    input_pipeline.eval_dataset(*of_split),
    common_windows.batched(whole, 2),
    data_wait.timed(training, tf.Variable(0.0, dtype=tf.float64)),
  ):
    assert dataset.options().autotune.enabled is False


def test_each_epoch_sees_every_example_once(data_dir, info):
  settings = config(
    crop_size=(12, 16), min_scale=1, max_scale=1, flip=False, batch_size=3
  )
  dataset = input_pipeline.train_dataset(
    data_dir, 'train', info, settings, repeat=False
  )
  seen = [image for batch, _ in batches(dataset, 99) for image in batch]
  assert len(seen) == 9
  for index in range(9):
    assert any((image == picture(index)).all() for image in seen)


def test_batch_larger_than_an_epoch_is_refused(data_dir, info):
  with pytest.raises(errors.UserError, match='9 examples, too few for a'):
    input_pipeline.train_dataset(
      data_dir, 'train', info, config(batch_size=10), repeat=False
    )


def test_training_pads_with_mean_and_ignore_label(data_dir, info):
  settings = config(crop_size=(20, 24), min_scale=1, max_scale=1, flip=False)
  dataset = input_pipeline.train_dataset(data_dir, 'train', info, settings)
  for images, labels in batches(dataset, 3):
    for image, label in zip(images, labels):
      assert (image[12:] == MEAN).all() and (image[:, 16:] == MEAN).all()
      assert (label[12:] == 255).all() and (label[:, 16:] == 255).all()
      np.testing.assert_array_equal(label[:12, :16], stripes())


def test_color_jitter_leaves_the_padding_alone(data_dir, info):
  settings = config(
    crop_size=(20, 24), min_scale=1, max_scale=1, color_jitter=0.5
  )
  dataset = input_pipeline.train_dataset(data_dir, 'train', info, settings)
  for images, _ in batches(dataset, 3):
    assert (images[:, 12:] == MEAN).all()


def test_eval_equals_the_source_pixels(data_dir, info):
  dataset = input_pipeline.eval_dataset(
    data_dir, 'val', info, config(batch_size=1)
  )
  found = batches(dataset, 99)
  assert len(found) == 3
  for index, (image, label) in zip((9, 10, 11), found):
    size = (8, 20) if index == 10 else (12, 16)
    assert image.dtype == np.float32 and label.dtype == np.int32
    np.testing.assert_array_equal(image[0], picture(index, size))
    np.testing.assert_array_equal(label[0], stripes(size=size))


def test_eval_batches_are_padded_to_the_largest_size(data_dir, info):
  dataset = input_pipeline.eval_dataset(data_dir, 'val', info, config())
  (images, labels), (last, _) = batches(dataset, 99)
  assert images.shape == (2, 12, 20, 3) and last.shape == (1, 12, 20, 3)
  np.testing.assert_array_equal(images[0, :, :16], picture(9))
  np.testing.assert_array_equal(images[1, :8], picture(10, (8, 20)))
  assert (images[0, :, 16:] == MEAN).all() and (images[1, 8:] == MEAN).all()
  assert (labels[0, :, 16:] == 255).all() and (labels[1, 8:] == 255).all()


def test_eval_refuses_a_size_that_cuts_images(data_dir, info):
  with pytest.raises(errors.UserError, match='12 x 20, which does not fit'):
    input_pipeline.eval_dataset(data_dir, 'val', info, config(), (12, 19))


def test_image_scale_halves_training_and_evaluation(data_dir, info):
  settings = config(
    image_scale=0.5, crop_size=(6, 8), min_scale=1, max_scale=1, flip=False
  )
  evaluation = input_pipeline.eval_dataset(data_dir, 'val', info, settings)
  assert evaluation.element_spec[0].shape == (None, 6, 10, 3)
  dataset = input_pipeline.train_dataset(data_dir, 'train', info, settings)
  for _, labels in batches(dataset, 3):
    assert not (labels == 255).all(axis=(1, 2)).any()
    # Nearest label of each pair of columns: the stripes 1 and 255 remain.
    assert labels.shape == (2, 6, 8)
    np.testing.assert_array_equal(labels[0], labels[1])


def test_cache_does_not_change_what_is_evaluated_or_drawn(data_dir, info):
  settings = config(shuffle_buffer=1)
  plain = input_pipeline.train_dataset(data_dir, 'train', info, settings)
  cached = input_pipeline.train_dataset(
    data_dir, 'train', info, dataclasses.replace(settings, cache=True)
  )
  # The first epoch is the same; later ones keep the order of the shards.
  assert_equal(batches(plain, 4), batches(cached, 4))


def test_official_records_are_read_unchanged():
  path = SHARED / 'deeplab_records' / 'val-00000-of-00001.tfrecord'
  if not path.exists():
    pytest.skip('../shared/data is not there')
  # The masks of this file are noise, so all values must count as classes.
  info = dataset_info.DatasetInfo(
    'noise', tuple(map(str, range(255))), ((0, 0, 0),) * 255
  )
  dataset = input_pipeline.eval_dataset(
    path.parent, 'val', info, config(batch_size=1)
  )
  found = batches(dataset, 99)
  names = split_contents.file_names(path.parent, 'val')
  assert names == ['2007_000033', '2007_000042', '2007_000061']
  records = tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
  for record, (image, label) in zip(records, found):
    feature = tf.train.Example.FromString(record).features.feature
    encoded = feature['image/encoded'].bytes_list.value[0]
    mask = feature['image/segmentation/class/encoded'].bytes_list.value[0]
    official = tf.io.decode_jpeg(encoded, 3, dct_method='INTEGER_ACCURATE')
    np.testing.assert_array_equal(image[0], official)
    np.testing.assert_array_equal(label[0], tf.io.decode_png(mask)[..., 0])


def test_label_out_of_range_names_the_file(data_dir, info):
  narrow = dataclasses.replace(
    info, class_names=('sky', 'road'), palette=info.palette[:2], splits={}
  )
  dataset = input_pipeline.eval_dataset(data_dir, 'val', narrow, config())
  with pytest.raises(tf.errors.InvalidArgumentError, match=NAMES[9]):
    batches(dataset, 99)


def test_label_of_another_size_names_the_file(tmp_path, info):
  record = example_schema.encode_example(
    'skewed', _png(picture()), 'png', (12, 16), _png(stripes(size=(12, 15)))
  )
  _write(tmp_path / 'val-00000-of-00001.tfrecord', [record])
  dataset = input_pipeline.eval_dataset(
    tmp_path, 'val', info, config(batch_size=1)
  )
  with pytest.raises(tf.errors.InvalidArgumentError, match='skewed'):
    batches(dataset, 99)


def test_unknown_split_lists_the_known_ones(data_dir, info):
  with pytest.raises(errors.UserError, match='splits there are: train, val'):
    input_pipeline.train_dataset(data_dir, 'trian', info, config())


def test_cut_shard_is_named_before_training(data_dir, info, tmp_path):
  for path in shards.find(data_dir, 'train'):
    (tmp_path / path.name).write_bytes(path.read_bytes())
  broken = tmp_path / 'train-00001-of-00003.tfrecord'
  broken.write_bytes(broken.read_bytes()[:-20])
  with pytest.raises(errors.UserError, match='train-00001.* cut off'):
    input_pipeline.train_dataset(tmp_path, 'train', info, config())


def _png(pixels) -> bytes:
  pixels = pixels if pixels.ndim == 3 else pixels[..., np.newaxis]
  return tf.io.encode_png(pixels).numpy()


def _write(path, records) -> None:
  with tf.io.TFRecordWriter(str(path)) as writer:
    for record in records:
      writer.write(record)

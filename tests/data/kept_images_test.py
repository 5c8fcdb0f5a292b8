"""Pipelines that share their images give what they gave without that."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.data import dataset_info, input_pipeline, kept_images


def batches(records, seed=3, subset=None):
  info = dataset_info.DatasetInfo.load(records)
  config = input_pipeline.PipelineConfig(
    crop_size=(17, 17), batch_size=2, seed=seed, image_scale=0.5
  )
  dataset = input_pipeline.train_dataset(records, 'train', info, config, subset)
  return [
    part for batch in dataset.take(5).as_numpy_iterator() for part in batch
  ]


def assert_same(ours, theirs):
  assert len(ours) == len(theirs)
  for a, b in zip(ours, theirs):
    np.testing.assert_array_equal(a, b)


def test_batches_are_the_same_from_the_first_time_on(records):
  kept = kept_images.KeptImages()
  for seed in (3, 4):
    plain = batches(records, seed)
    with kept.used():
      assert_same(batches(records, seed), plain)
  assert len(kept) == 8


def test_nothing_is_decoded_twice(records, monkeypatch):
  kept = kept_images.KeptImages()
  with kept.used():
    batches(records)
    before = batches(records, 5)
    # Whatever is decoded from here on is black.
    monkeypatch.setattr(
      input_pipeline.example_schema,
      'decode_image',
      lambda encoded: tf.zeros([20, 20, 3], tf.uint8),
    )
    assert_same(batches(records, 5), before)


def test_another_size_is_another_image(records):
  info = dataset_info.DatasetInfo.load(records)
  kept = kept_images.KeptImages()
  sizes = []
  with kept.used():
    for scale in (1.0, 0.5):
      config = input_pipeline.PipelineConfig(batch_size=1, image_scale=scale)
      dataset = input_pipeline.eval_dataset(records, 'val', info, config)
      sizes.append(next(iter(dataset))[0].shape[1])
  assert sizes[1] == pytest.approx(sizes[0] / 2, abs=1)
  assert len(kept) >= 2


def test_outside_pipelines_keep_to_themselves():
  def decode(features):
    return features

  assert kept_images.decoder(1.0, decode) is decode
  with kept_images.KeptImages().used():
    assert kept_images.decoder(1.0, decode) is not decode
  assert kept_images.decoder(1.0, decode) is decode

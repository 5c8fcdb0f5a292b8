"""From the image to strides 2 and 4."""

import tensorflow as tf

from deeplab_nas.nn.supernet import stem


def test_released_widths_at_the_papers_filter_multiplier():
  layer = stem.Stem(filters=(64, 64, 128))
  half, quarter = layer(tf.zeros([1, 33, 65, 3]))
  assert half.shape == (1, 17, 33, 64)
  assert quarter.shape == (1, 9, 17, 128)
  assert (layer.half_filters, layer.quarter_filters) == (64, 128)

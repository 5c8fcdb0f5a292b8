"""Convolution and batch norm, whose statistics can be left alone."""

import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import conv_bn


def test_statistics_can_be_left_alone():
  layer = conv_bn.ConvBN(2, 3)
  images = tf.random.stateless_uniform([1, 33, 33, 3], [0, 0])
  layer(images)
  before = layer.get_weights()
  layer(images, phases.ARCH_STEP)
  for old, new in zip(before, layer.get_weights()):
    assert (old == new).all()


def test_statistics_follow_the_batch_in_training():
  layer = conv_bn.ConvBN(2, 3, strides=2)
  images = tf.random.stateless_uniform([1, 33, 33, 3], [0, 0])
  y = layer(images, phases.WEIGHT_STEP)
  assert y.shape == (1, 17, 17, 2)
  assert abs(y.numpy().mean((0, 1, 2))).max() < 1e-5
  mean = layer.norm.moving_mean.numpy()
  assert (mean != 0).all()

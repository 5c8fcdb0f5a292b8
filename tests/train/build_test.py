"""The network of a training, and settings that make none."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors, space
from deeplab_nas.config import config as config_lib
from deeplab_nas.space import zoo
from deeplab_nas.train import build as network_builder
from tests.train import tiny_training

CONFIG = config_lib.NetworkConfig(**tiny_training.NETWORK)


def test_precision_is_of_this_network_only():
  network = network_builder.build(
    CONFIG, tiny_training.GENOTYPE, 3, precision='mixed_bfloat16'
  )
  assert tf.keras.mixed_precision.global_policy().name == 'float32'
  assert network.logits.compute_dtype == 'bfloat16'
  assert network.logits.kernel.dtype == tf.float32
  logits = network(np.zeros([1, 9, 9, 3], np.float32))
  assert logits.dtype == tf.float32


def test_batch_norm_can_be_of_all_replicas():
  for sync in (False, True):
    network = network_builder.build(
      CONFIG, tiny_training.GENOTYPE, 3, sync=sync
    )
    norms = [
      layer
      for layer in network.submodules
      if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    assert norms
    assert all(norm.synchronized == sync for norm in norms)


def test_a_stride_that_the_path_never_has_is_refused():
  settings = config_lib.NetworkConfig(low_level_stride=16)
  with pytest.raises(errors.UserError, match='low_level_stride is 16'):
    network_builder.build(settings, tiny_training.GENOTYPE, 3)


def test_the_network_is_the_one_described():
  config = config_lib.NetworkConfig(
    filter_multiplier=2,
    aspp_rates=[1, 2],
    separable_head=True,
    batch_norm_momentum=0.5,
    drop_path_keep_prob=0.7,
  )
  genotype = space.Genotype((0, 1), zoo.load('auto_deeplab').cell)
  network = network_builder.build(config, genotype, 5)
  assert network.num_classes == 5
  assert network.space.filter_multiplier == 2
  assert network.options.aspp_rates == (1, 2)
  assert network.options.separable_head
  assert network.options.drop_path_keep_prob == 0.7
  assert not network.options.sync_batch_norm

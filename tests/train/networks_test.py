"""The network of a training, and settings that make none."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import config, errors
from deeplab_nas.train import networks
from tests.train import tiny_training

CONFIG = config.NetworkConfig(**tiny_training.NETWORK)


def test_precision_is_of_this_network_only():
  network = networks.build(
    CONFIG, tiny_training.GENOTYPE, 3, precision='mixed_bfloat16'
  )
  assert tf.keras.mixed_precision.global_policy().name == 'float32'
  assert network.logits.compute_dtype == 'bfloat16'
  assert network.logits.kernel.dtype == tf.float32
  logits = network(np.zeros([1, 9, 9, 3], np.float32))
  assert logits.dtype == tf.float32


def test_batch_norm_can_be_of_all_replicas():
  for sync in (False, True):
    network = networks.build(CONFIG, tiny_training.GENOTYPE, 3, sync=sync)
    norms = [
      layer
      for layer in network.submodules
      if isinstance(layer, tf.keras.layers.BatchNormalization)
    ]
    assert norms
    assert all(norm.synchronized == sync for norm in norms)


def test_a_stride_that_the_path_never_has_is_told():
  settings = config.NetworkConfig(low_level_stride=16)
  with pytest.raises(errors.UserError, match='low_level_stride is 16'):
    networks.build(settings, tiny_training.GENOTYPE, 3)

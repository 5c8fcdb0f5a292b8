from __future__ import annotations

import os

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.nn.network import conv_norm, folding
from deeplab_nas.serving import graph_ops


def test_only_operations_of_tensorflow_itself(exported):
  names = graph_ops.names(exported)
  graph_ops.require_servable(names)
  assert len(names) > 30
  unknown = [name for name in names if not hasattr(tf.raw_ops, name)]
  assert not unknown


def test_batch_norm_is_folded_and_nothing_is_for_training(exported):
  names = graph_ops.names(exported)
  assert {'Conv2D', 'DepthwiseConv2dNative', 'DecodeJpeg'} <= names
  wrong = [
    name
    for name in names
    if any(x in name for x in ('BatchNorm', 'Random', 'Rsqrt', 'Grad'))
  ]
  assert not wrong


def test_the_graph_is_the_fast_one(exported, network):
  found = graph_ops.count(exported)
  # Full convolutions have their rates; there are no others here.
  assert not {'SpaceToBatchND', 'SpaceToBatch'} & set(found)
  # The decoder's convolutions are matrix products of patches.
  assert {'BatchMatMulV2', 'BatchToSpaceND', 'While', 'GatherV2'} <= set(found)
  convolutions = [
    conv
    for unit in network.submodules
    if isinstance(unit, conv_norm.ConvNorm)
    for conv in unit.convs
  ]
  num_depthwise = sum(
    isinstance(conv, tf.keras.layers.DepthwiseConv2D) for conv in convolutions
  )
  assert found['DepthwiseConv2dNative'] == num_depthwise
  # The logits' one comes on top, the decoder's two are none.
  assert found['Conv2D'] == len(convolutions) - num_depthwise + 1 - 2


def test_small_weights_are_constants(exported, network):
  folded = folding.fold(network, winograd_decoder=True)
  large = [v for v in folded.variables if 4 * np.prod(v.shape) > 4096]
  variables = [
    name
    for name, _ in tf.train.list_variables(
      str(exported / 'variables/variables')
    )
    if name.endswith('/.ATTRIBUTES/VARIABLE_VALUE')
  ]
  assert len(variables) == len(large) > 0


def test_signatures_are_those_to_serve(exported, plain):
  names = {'serving_default', 'serving_bytes'}
  assert set(graph_ops.signatures(plain)) == names
  assert set(graph_ops.signatures(exported)) == names | {'serving_png'}


def test_python_functions_are_refused(tmp_path):
  module = tf.Module()
  module.f = tf.function(
    lambda x: tf.py_function(lambda y: y, [x], tf.float32),
    input_signature=[tf.TensorSpec([], tf.float32)],
  )
  tf.saved_model.save(module, os.fspath(tmp_path))
  with pytest.raises(errors.UserError, match='lacks: EagerPyFunc;'):
    graph_ops.require_servable(graph_ops.names(tmp_path))
  with pytest.raises(errors.UserError, match='Addons>'):
    graph_ops.require_servable({'Addons>CorrelationCost', 'Conv2D'})

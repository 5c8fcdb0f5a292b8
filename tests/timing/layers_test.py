"""Operations as an exported network computes them."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.space import (
  CellSpace,
  CostModel,
  Lattice,
  SearchSpace,
  latency,
  operations,
  primitives,
)
from deeplab_nas.timing import layers, networks

SIZE = (33, 65)


def every_operation(preset='auto_deeplab', **settings):
  """Those of all networks of a space, but for what surrounds them."""
  space = SearchSpace(CellSpace(1, primitives.PRESETS[preset]), Lattice(3), 2)
  model = CostModel(space, 3, SIZE, stem_filters=(2, 4, 6), head_filters=5)
  model = dataclasses.replace(model, aspp_rates=(2,), **settings)
  return [
    op
    for op in latency.required_operations([model.layers])
    if not networks.is_of_surroundings(op, SIZE)
  ]


def one_of_each_kind():
  found = {}
  for op in (
    *every_operation(),
    *every_operation('darts', separable_head=True),
    *every_operation('pnasnet'),
  ):
    found.setdefault((op.kind, op.kernel_size, op.stride, op.rate), op)
  return list(found.values())


def test_every_operation_gives_the_output_that_it_is_counted_for():
  ops = one_of_each_kind()
  assert {op.kind for op in ops} == set(operations.KINDS)
  for op in ops:
    computed = layers.build(op, winograd=True)
    function = tf.function(
      computed.function,
      input_signature=[
        tf.TensorSpec([1, None, None, op.in_channels]),
        tf.TensorSpec([2], tf.int32),
      ],
    )
    x = tf.random.normal([1, *op.input_size, op.in_channels])
    y = function(x, tf.constant([op.height, op.width]))
    size = (1, 1) if op.kind == 'mean' else (op.height, op.width)
    assert y.shape == (1, *size, op.out_channels), op
    assert np.isfinite(y).all() and np.any(y != 0), op


def test_its_weights_are_those_that_are_counted():
  """Folded: of each batch norm's two numbers for a channel, a bias stays."""
  for op in one_of_each_kind():
    computed = layers.build(op)
    weights = [
      np.size(getattr(layer, name))
      for unit in computed.layers
      for layer in (unit, *unit.submodules)
      for name in ('kernel', 'depthwise_kernel', 'bias')
      if getattr(layer, name, None) is not None
    ]
    norms = {'sep_conv': 2, 'separable_conv_bn_relu': 2, 'logits': 0}
    folded = norms.get(op.kind, 1) * op.out_channels
    if op.kind == 'separable_conv_bn_relu':  # one of the input's channels
      folded = op.out_channels + op.in_channels
    counted = operations.count(op).params
    assert sum(weights) == computed.times * max(counted - folded, 0), op


def test_primitives_are_timed_as_a_block_with_its_sum():
  op = operations.Operation('max_pool', 3, 1, 2, 8, 8, 5, 9)
  computed = layers.build(op)
  assert computed.times == 2
  assert computed.extra == operations.Operation('add', 1, 1, 1, 8, 8, 5, 9)
  x = tf.random.normal([1, 9, 17, 8])
  pooled = tf.nn.max_pool2d(x, 3, 2, 'SAME')
  np.testing.assert_allclose(computed.function(x, None), 2 * pooled)


def test_others_are_refused():
  op = operations.Operation('swirl', 3, 1, 1, 8, 8, 5, 9)
  with pytest.raises(ValueError, match="kind 'swirl' cannot be timed"):
    layers.build(op)

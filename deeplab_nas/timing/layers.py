"""The operations of the cost model as an exported network computes them.

Batch norm is folded, small weights are constants, the decoder may take fewer
multiplications, and sizes are not known when the graph is made.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from deeplab_nas.nn.kernels import resize
from deeplab_nas.nn.network import conv_norm, folding, head_conv, variables
from deeplab_nas.nn.network import operators as derived_operators
from deeplab_nas.space import operations, primitives

# float32 [1, h, w, C] and the size of the output, int32 [2] -> the output.
Function = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Computed:
  """How an operation is computed, once or several times over.

  Attributes:
    function: Computes it.
    layers: What holds its weights.
    times: How many of the operation are in the function.
    extra: Another operation whose time is not the operation's; None for none.
  """

  function: Function
  layers: Sequence[tf.keras.layers.Layer] = ()
  times: int = 1
  extra: operations.Operation | None = None


def build(op: operations.Operation, winograd: bool = False) -> Computed:
  """Makes the layers of an operation, with drawn weights.

  Args:
    op: Any but those that `deeplab_nas.timing.surroundings` times.
    winograd: Whether the decoder takes fewer multiplications, see
      `deeplab_nas.nn.network.winograd`.

  Raises:
    ValueError: If its kind is unknown.
  """
  if op.kind in primitives_of_cells():
    return _block(op)
  if op.kind in _WITHOUT_WEIGHTS:
    return Computed(_WITHOUT_WEIGHTS[op.kind](op))
  if op.kind not in _LAYERS:
    raise ValueError(f'operations of kind {op.kind!r} cannot be timed')
  layer, function = _LAYERS[op.kind](op, winograd)
  _settle(layer, op.in_channels)
  return Computed(lambda x, size: function(x), [layer])


def sum_of_block(op: operations.Operation) -> operations.Operation:
  """The addition that ends a block of primitives such as this one."""
  return op._replace(kind='add', kernel_size=1, rate=1, stride=1)


def primitives_of_cells() -> tuple[str, ...]:
  """Kinds that are timed as a block, with their sum."""
  return tuple(x for x in operations.PRIMITIVE_KINDS if x != 'none')


def _block(op: operations.Operation) -> Computed:
  """Two of a primitive and their sum, as blocks of cells have them.

  There a runtime fuses the sum with a convolution before it, and ReLU with what
  comes before that: alone, neither would be.
  """
  units = [
    derived_operators.DerivedOp(
      _primitive(op), op.out_channels, op.stride, None
    )
    for _ in range(2)
  ]
  for unit in units:
    _settle(unit, op.in_channels)
  one, other = units
  return Computed(
    lambda x, size: one(x) + other(x), units, times=2, extra=sum_of_block(op)
  )


def _primitive(op: operations.Operation) -> primitives.Primitive:
  # One that strides is of rate 1, whatever its rate is elsewhere.
  return primitives.Primitive(op.kind, op.kind, op.kernel_size, op.rate)


def _conv(op: operations.Operation, **settings) -> conv_norm.ConvNorm:
  return conv_norm.ConvNorm(
    op.out_channels, op.kernel_size, op.stride, op.rate, norm=None, **settings
  )


def _conv_bn(op, winograd):
  conv = _conv(op)
  return conv, conv


def _conv_bn_relu(op, winograd):
  conv = _conv(op)
  return conv, lambda x: tf.nn.relu(conv(x))


def _relu_conv_bn(op, winograd):
  conv = _conv(op)
  return conv, lambda x: conv(tf.nn.relu(x))


def _decoder_conv(op, winograd):
  conv = _conv(op, winograd=winograd)
  return conv, lambda x: tf.nn.relu(conv(x))


def _separable_head(op, winograd):
  conv = head_conv.HeadConv(op.out_channels, op.kernel_size, op.rate, True)
  return conv, conv


def _logits(op, winograd):
  conv = tf.keras.layers.Conv2D(op.out_channels, 1)
  return conv, conv


# By kind: (operation, winograd) -> its layer, and what is done with it.
_LAYERS = {
  'conv_bn': _conv_bn,
  'conv_bn_relu': _conv_bn_relu,
  'relu_conv_bn': _relu_conv_bn,
  'decoder_conv_bn_relu': _decoder_conv,
  'separable_conv_bn_relu': _separable_head,
  'logits': _logits,
}


def _settle(layer: tf.keras.layers.Layer, channels: int) -> None:
  """Gives a layer weights as after a training, as an export holds them."""
  variables.create(layer, channels)
  for variable in layer.variables:
    # A bias of 0 would be left out of the graph.
    variable.assign(tf.random.normal(variable.shape, stddev=0.1))
  folding.freeze_small(layer)


def _add(op) -> Function:
  other = tf.random.normal([1, op.height, op.width, op.in_channels])
  return lambda x, size: x + other


def _concat(op) -> Function:
  whole, rest = divmod(op.out_channels, op.in_channels)
  others = [tf.random.normal([1, op.height, op.width, rest])] if rest else []
  return lambda x, size: tf.concat([x] * whole + others, axis=-1)


def _mean(op) -> Function:
  return lambda x, size: tf.reduce_mean(x, [1, 2], keepdims=True)


def _broadcast(op) -> Function:
  shape = [1, op.out_channels]
  return lambda x, size: tf.broadcast_to(
    x, tf.concat([shape[:1], size, shape[1:]], 0)
  )


def _resize(op) -> Function:
  return lambda x, size: resize.bilinear(x, size)


_WITHOUT_WEIGHTS = {
  'relu': lambda op: lambda x, size: tf.nn.relu(x),
  'add': _add,
  'concat': _concat,
  'mean': _mean,
  'broadcast': _broadcast,
  'upsample': _resize,
  'downsample': _resize,
}

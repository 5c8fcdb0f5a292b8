"""Weights of the released TensorFlow 1 code, by its variable names.

    model = deeplab_nas.build_network('auto_deeplab', filter_multiplier=20)
    tf1_checkpoint.assign(model, tf1_checkpoint.read('model.ckpt'))

The released code knows two cells, `auto_deeplab` and `pnasnet5`, with their
blocks and terms in an order of its own. A genotype has its canonical order, so
blocks are matched, and input channels of what reads a cell are permuted.

Reference:
  https://github.com/tensorflow/models/tree/master/research/deeplab
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.nn.network import conv_norm, operators
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.run import plain_path
from deeplab_nas.space import genotype as genotype_lib

SCOPES = ('hnasnet', 'pnasnet')
# Blocks and terms (left, right) in the order of the released code.
_RELEASED_CELLS = (
  (
    (('prev_prev', 'atrous_conv_5x5'), ('prev', 'sep_conv_3x3')),
    (('prev_prev', 'sep_conv_3x3'), ('prev', 'atrous_conv_3x3')),
    (('block_1', 'sep_conv_3x3'), ('prev_prev', 'sep_conv_3x3')),
    (('block_2', 'sep_conv_5x5'), ('block_0', 'sep_conv_5x5')),
    (('block_1', 'sep_conv_5x5'), ('block_3', 'atrous_conv_5x5')),
  ),
  (
    (('prev_prev', 'sep_conv_5x5'), ('prev_prev', 'max_pool_3x3')),
    (('prev', 'sep_conv_7x7'), ('prev', 'max_pool_3x3')),
    (('prev', 'sep_conv_5x5'), ('prev', 'sep_conv_3x3')),
    (('block_2', 'sep_conv_3x3'), ('prev', 'max_pool_3x3')),
    (('prev_prev', 'sep_conv_3x3'), ('prev', 'skip_connect')),
  ),
)
_STATISTICS = ('gamma', 'beta', 'moving_mean', 'moving_variance')
# What a checkpoint holds beside the network.
_TRAINING_ONLY = ('Momentum', 'Adam', 'Adam_1', 'ExponentialMovingAverage')
_SHOWN = 5


class _Unit(NamedTuple):
  """A convolution with batch norm, by its released names.

  Attributes:
    unit: Ours.
    kernels: Names of the kernels of `unit.convs`.
    norm: Scope of the batch norm.
    order: int [C], the released input channel of each of ours; None if equal.
  """

  unit: conv_norm.ConvNorm
  kernels: tuple[str, ...]
  norm: str
  order: np.ndarray | None = None


class _Target(NamedTuple):
  """A variable of ours and how the released array becomes its value."""

  variable: tf.Variable
  convert: Callable[[np.ndarray], np.ndarray]


def assign(
  model: network_lib.DerivedNetwork, variables: Mapping[str, np.ndarray]
) -> None:
  """Sets every variable of a network from those of the released code.

  Args:
    model: A network of any width, class count and head.
    variables: Arrays by released name, such as 'hnasnet/conv0/weights'; scope
      'hnasnet' or 'pnasnet'.

  Raises:
    UserError: If names or shapes do not match one to one; nothing is assigned
      then, and the message lists what is unmatched on both sides.
  """
  if model.options.fold_batch_norm:
    raise errors.UserError(
      'The network has its batch norm folded: assign first, then fold.'
    )
  targets = dict(_targets(model, _scope(variables)))
  missing = sorted(set(targets) - set(variables))
  unknown = sorted(set(variables) - set(targets))
  shapes = {
    name: (np.shape(variables[name]), tuple(target.variable.shape))
    for name, target in targets.items()
    if name in variables
  }
  misfits = [
    f'{name} {theirs} for {ours}'
    for name, (theirs, ours) in sorted(shapes.items())
    if theirs != ours
  ]
  problems = [
    f'{len(names)} {what}: {", ".join(names[:_SHOWN])}'
    + (', ...' if len(names) > _SHOWN else '')
    for names, what in (
      (missing, 'variables of the network are not in the checkpoint'),
      (unknown, 'variables of the checkpoint are not in the network'),
      (misfits, 'variables have another shape'),
    )
    if names
  ]
  if problems:
    raise errors.UserError(
      f'The checkpoint does not fit the network. {"; ".join(problems)}.'
    )
  values = {
    name: target.convert(_checked(name, variables[name]))
    for name, target in targets.items()
  }
  for name, value in values.items():
    targets[name].variable.assign(value)


def read(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
  """The network's variables of a TensorFlow 1 checkpoint, by name.

  Args:
    path: Prefix of the checkpoint's files, such as 'train/model.ckpt-30000'.

  Raises:
    UserError: If it is no checkpoint.
  """
  try:
    reader = tf.train.load_checkpoint(plain_path.of_prefix(path))
    return {
      name: reader.get_tensor(name)
      for name in reader.get_variable_to_shape_map()
      if name != 'global_step'
      and name.rpartition('/')[-1] not in _TRAINING_ONLY
    }
  except (ValueError, IndexError, tf.errors.OpError) as error:
    raise errors.UserError(
      f'{path} is no TensorFlow checkpoint, or is damaged: give the prefix of'
      ' its .index and .data files.'
    ) from error


def end_points(
  model: network_lib.DerivedNetwork, images: tf.Tensor
) -> dict[str, tf.Tensor]:
  """`model.end_points` in inference, with the released order of channels."""
  order = _released_blocks(model.genotype)
  points = model.end_points(images)
  for name, x in points.items():
    if name.startswith('Cell_') or name == 'features':
      blocks = tf.split(x, len(order), axis=-1)
      points[name] = tf.concat([blocks[block] for block, _ in order], axis=-1)
  return points


def _checked(name: str, array: np.ndarray) -> np.ndarray:
  """The array as float32."""
  try:
    values = np.asarray(array, np.float32)
  except (TypeError, ValueError) as error:
    raise errors.UserError(f'Variable {name} holds no numbers.') from error
  if not np.isfinite(values).all():
    raise errors.UserError(
      f'Variable {name} has a value that is not finite: the training of the'
      ' checkpoint has diverged.'
    )
  return values


def _scope(variables: Mapping[str, np.ndarray]) -> str:
  for scope in SCOPES:
    if f'{scope}/conv0/weights' in variables:
      return scope
  return SCOPES[0]


def _targets(
  model: network_lib.DerivedNetwork, scope: str
) -> Iterator[tuple[str, _Target]]:
  """Every variable by its released name."""
  for unit in _units(model, scope):
    yield from _unit_targets(unit)
  kernel, bias = model.logits.variables
  yield 'logits/semantic/weights', _Target(kernel, np.asarray)
  yield 'logits/semantic/biases', _Target(bias, np.asarray)


def _unit_targets(unit: _Unit) -> Iterator[tuple[str, _Target]]:
  def reordered(axis: int) -> Callable[[np.ndarray], np.ndarray]:
    if unit.order is None:
      return np.asarray
    return lambda array: np.take(array, unit.order, axis)

  for conv, name in zip(unit.unit.convs, unit.kernels):
    yield name, _Target(conv.variables[0], reordered(2))  # [k, k, I, O]
  # Those of a depthwise convolution are the input's channels.
  convert = reordered(0) if unit.unit.kind == 'depthwise' else np.asarray
  for name in _STATISTICS:
    variable = getattr(unit.unit.norm, name)
    yield f'{unit.norm}/{name}', _Target(variable, convert)


def _units(model: network_lib.DerivedNetwork, scope: str) -> Iterator[_Unit]:
  for i, unit in enumerate(model.stem):
    yield _Unit(unit, (f'{scope}/conv{i}/weights',), f'{scope}/conv{i}_bn')
  orders = [None, None] + [
    _channel_order(model, i) for i in model.genotype.path
  ]
  for i, cell in enumerate(model.cells):
    place = f'{scope}/cell_{i}'
    yield _Unit(
      cell.prev,
      (f'{place}/1x1/weights',),
      f'{place}/beginning_bn',
      orders[i + 1],
    )
    if cell.prev_prev is not None:
      yield _Unit(
        cell.prev_prev,
        (f'{place}/prev_1x1/weights',),
        f'{place}/prev_bn',
        orders[i],
      )
    for j, (block, terms) in enumerate(_released_blocks(model.genotype)):
      for side, term in zip(('left', 'right'), terms):
        op = cell.ops[block][term]
        yield from _op_units(op, f'{place}/comb_iter_{j}/{side}')
  yield from _head_units(model, orders)


def _op_units(op: operators.DerivedOp, place: str) -> Iterator[_Unit]:
  kind = op.primitive.kind
  window = f'{op.primitive.kernel_size}x{op.primitive.kernel_size}'
  if op.units and kind not in ('skip', 'sep_conv', 'atrous_conv'):
    raise errors.UserError(
      f'The released code has no operation {op.primitive.name}, so none of its'
      ' checkpoints fits this network.'
    )
  for i, unit in enumerate(op.units, start=1):
    if kind == 'sep_conv':
      kernels = tuple(
        f'{place}/separable_{window}_{i}/{part}_weights'
        for part in ('depthwise', 'pointwise')
      )
      yield _Unit(unit, kernels, f'{place}/bn_sep_{window}_{i}')
    elif kind == 'atrous_conv':
      yield _Unit(
        unit,
        (f'{place}/atrous_{window}/weights',),
        f'{place}/bn_atr_{window}',
      )
    else:
      yield _Unit(unit, (f'{place}/1x1/weights',), f'{place}/bn_1')


def _head_units(
  model: network_lib.DerivedNetwork, orders: list[np.ndarray | None]
) -> Iterator[_Unit]:
  branches = [model.aspp.pooled] + model.aspp.branches
  names = ['image_pooling'] + [f'aspp{i}' for i in range(len(branches) - 1)]
  for branch, name in zip(branches, names):
    yield from _conv_units(branch.units, name, orders[-1])
  yield from _conv_units(model.aspp.projection.units, 'concat_projection')
  stages = ['Stem'] + [f'Cell_{i}' for i in range(len(model.cells))]
  yield from _conv_units(
    model.decoder.low_level.units,
    'decoder/feature_projection0',
    orders[1:][stages.index(model.low_level)],
  )
  for i, conv in enumerate(model.decoder.convs):
    if len(conv.units) == 1:
      name = f'decoder/decoder_conv0/decoder_conv0_{i + 1}'
    else:
      name = f'decoder/decoder_conv{i}'
    yield from _conv_units(conv.units, name)


def _conv_units(
  units: list[conv_norm.ConvNorm], name: str, order: np.ndarray | None = None
) -> Iterator[_Unit]:
  """A convolution of the head: one unit, or a depthwise and a pointwise one."""
  if len(units) == 1:
    yield _Unit(units[0], (f'{name}/weights',), f'{name}/BatchNorm', order)
    return
  for unit, part, weights in zip(
    units, ('depthwise', 'pointwise'), ('depthwise_weights', 'weights')
  ):
    place = f'{name}_{part}'
    yield _Unit(unit, (f'{place}/{weights}',), f'{place}/BatchNorm', order)


def _channel_order(model: network_lib.DerivedNetwork, level: int) -> np.ndarray:
  """int [B * C]: the released channel of each channel of a cell's output."""
  filters = model.space.filters(level)
  released = np.argsort([b for b, _ in _released_blocks(model.genotype)])
  return (released[:, np.newaxis] * filters + np.arange(filters)).ravel()


def _released_blocks(
  genotype: genotype_lib.Genotype,
) -> list[tuple[int, tuple[int, int]]]:
  """For each released block, ours, and ours of its left and right term.

  Other cells than the released ones are taken to be in the genotype's order.
  """
  for cell in _RELEASED_CELLS:
    if genotype_lib.Genotype(genotype.path, cell) == genotype:
      return _matched(cell, genotype.cell)
  return [(block, (0, 1)) for block in range(genotype.num_blocks)]


def _matched(released, ours) -> list[tuple[int, tuple[int, int]]]:
  """Follows the released blocks, each of which only reads earlier ones."""
  names = {}  # ours, by the released name
  matches = []
  for i, block in enumerate(released):
    left, right = (
      genotype_lib.Connection(names.get(source, source), primitive)
      for source, primitive in block
    )
    j = next(j for j, ours_j in enumerate(ours) if {left, right} == set(ours_j))
    names[f'block_{i}'] = f'block_{j}'
    side = ours[j].index(left)
    matches.append((j, (side, 1 - side)))
  return matches

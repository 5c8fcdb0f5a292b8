"""The norms of a fast node: many at once, scaled by alpha, statistics kept."""

from __future__ import annotations

import itertools

import tensorflow as tf

from deeplab_nas.nn.kernels import batch_norm, graph_ops
from deeplab_nas.nn.supernet import fused_kernels, reference_node
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet.layout import Key, Part


class Norms:
  """Normalises a node's tensors and notes means and variances.

  Scales and statistics are float32 whatever the tensors are.
  """

  def __init__(
    self,
    layout: layout_lib.Layout,
    inputs: reference_node.NodeInputs,
    training: bool,
  ):
    self.layout = layout
    self.inputs = inputs
    self.training = training
    self.filters = layout.shape.mixed_filters
    self.constants = {}  # (value, channels) -> [channels]
    self.scales = self._scales()
    self.moving = {} if training else self._moving()
    self.used = {}  # norm -> (means, variances), lists of [N]

  def normalize(self, x: tf.Tensor, keys: list[Key]) -> tf.Tensor:
    """By the norms whose channels lie side by side in x.

    An operator's last norm is scaled by its alpha.
    """
    channels = sum(len(self.layout.rows[key]) for key in keys) * self.filters
    mean = variance = None
    if not self.training:
      mean, variance = (
        tf.concat(x, 0) for x in zip(*(self.moving[key] for key in keys))
      )
    scale = self.scales.get(keys[0], self._constant(1, channels))
    x, mean, variance = batch_norm.normalize(
      x, mean, variance, scale, self._constant(0, channels), self.training
    )
    self.used[keys[0]] = [mean], [variance]
    self.used |= {key: ([], []) for key in keys[1:]}
    return x

  def normalize_row(
    self, x: tf.Tensor, key: Part, transition: int, edge: int
  ) -> tf.Tensor:
    """By the statistics of one transition and edge; not scaled."""
    row = self.layout.row[key, transition, edge]
    mean, variance = (
      moving[row]
      for moving in (self.inputs.moving_mean, self.inputs.moving_variance)
    )
    x, mean, variance = batch_norm.normalize(
      x, mean, variance, tf.ones_like(mean), tf.zeros_like(mean), self.training
    )
    means, variances = self.used.setdefault(key, ([], []))
    means.append(mean)
    variances.append(variance)
    return x

  def statistics(self) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of every norm, float32 [R, C]."""
    if not self.training:
      return self.inputs.moving_mean, self.inputs.moving_variance
    means, variances = zip(*(self.used[key] for key in self.layout.rows))
    return tuple(
      tf.reshape(tf.concat([*itertools.chain(*x)], 0), [-1, self.filters])
      for x in (means, variances)
    )

  def _constant(self, value: int, channels: int) -> tf.Tensor:
    """The same graph node wherever such a vector is needed."""
    key = value, channels
    if key not in self.constants:
      self.constants[key] = tf.constant(float(value), shape=[channels])
    return self.constants[key]

  def _scales(self) -> dict[Part, tf.Tensor]:
    """alpha for each channel of each operator's last norm."""
    keys = [key for key in self.layout.rows if self._is_scaled(key)]
    if not keys:
      return {}
    rows = self.layout.rows
    at = [(edge, key.operator) for key in keys for _, edge in rows[key]]
    alpha = fused_kernels.alpha(self.layout, self.inputs, at)
    alpha = graph_ops.tile_channels(
      graph_ops.reshape(alpha, [-1, 1]), self.filters
    )
    sizes = [len(rows[key]) * self.filters for key in keys]
    return dict(zip(keys, tf.split(graph_ops.reshape(alpha, [-1]), sizes)))

  def _is_scaled(self, key: Key) -> bool:
    if not isinstance(key, Part):
      return False
    operator = self.layout.operators[key.operator]
    is_last = key.index == operator.num_norms - 1
    return is_last and operator.fast_path.scales_last_norm

  def _moving(self) -> dict[Key, tuple[tf.Tensor, tf.Tensor]]:
    """The moving mean and variance of each norm, each [N]."""
    rows = self.layout.rows
    sizes = [len(x) * self.filters for x in rows.values()]
    means, variances = (
      tf.split(tf.reshape(x, [-1]), sizes)
      for x in (self.inputs.moving_mean, self.inputs.moving_variance)
    )
    return dict(zip(rows, zip(means, variances)))

"""Batch normalisation that knows when to leave its statistics alone.

A weight step normalises with the batch's statistics and folds them into the
moving ones. An architecture step normalises the same way but must change
nothing besides the architecture, so it folds nothing: Keras' own layer has no
switch for that. Statistics, scales and offsets are float32 whatever the
activations are.

Reference:
  Ioffe and Szegedy, Batch Normalization, https://arxiv.org/abs/1502.03167
"""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops, phases, replicas

EPSILON = 1e-3
MOMENTUM = 0.9


def normalize(
  x: tf.Tensor,
  mean: tf.Tensor,
  variance: tf.Tensor,
  scale: tf.Tensor,
  offset: tf.Tensor,
  training: bool,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Normalises per channel.

  Args:
    x: float32 or bfloat16 [B, H, W, C].
    mean: float32 [C], the moving mean, used in inference.
    variance: float32 [C], the moving variance, used in inference.
    scale: float32 [C].
    offset: float32 [C].
    training: Whether to use the statistics of the batch.

  Returns:
    The result [B, H, W, C] of x's dtype, and the float32 mean [C] and variance
    [C] that were used; the variance of a batch is the unbiased one.
  """
  if training and replicas.norms_are_synchronized():
    return _synchronized(x, scale, offset)
  if training:
    return _by_batch(x, scale, offset)
  return _scaled(x, mean, variance, scale, offset), mean, variance


def _by_batch(
  x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  settings = {'epsilon': EPSILON, 'is_training': True}
  statistics = []

  def norm(x, scale, offset):
    unknown = graph_ops.constant([], tf.float32)
    y, mean, variance, *reserved = tf.raw_ops.FusedBatchNormV3(
      x=x,
      scale=scale,
      offset=offset,
      mean=unknown,
      variance=unknown,
      **settings,
    )
    statistics.extend([mean, variance])

    def gradients(g):
      reserves = {f'reserve_space_{i}': r for i, r in enumerate(reserved, 1)}
      return tf.raw_ops.FusedBatchNormGradV3(
        y_backprop=g, x=x, scale=scale, **reserves, **settings
      )[:3]

    return y, gradients

  return graph_ops.call(norm, x, scale, offset), *statistics


def _scaled(x, mean, variance, scale, offset) -> tf.Tensor:
  factor = scale * tf.math.rsqrt(variance + EPSILON)
  y = tf.cast(x, tf.float32) * factor + (offset - mean * factor)
  return tf.cast(y, x.dtype)


def _synchronized(
  x: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """By the statistics of all replicas, whose batches are equally large."""
  wide = tf.cast(x, tf.float32)
  size = tf.cast(tf.reduce_prod(tf.shape(x)[:3]), tf.float32)
  size *= replicas.count()
  mean = replicas.total(tf.reduce_sum(wide, [0, 1, 2])) / size
  squares = tf.reduce_sum(tf.math.squared_difference(wide, mean), [0, 1, 2])
  squares = replicas.total(squares)
  y = _scaled(x, mean, squares / size, scale, offset)
  return y, mean, squares / tf.maximum(size - 1, 1.0)


def fold(moving: tf.Variable, batch: tf.Tensor) -> None:
  """Moves moving statistics towards those of a batch of the same shape."""
  share = graph_ops.constant(1 - MOMENTUM, tf.float32)
  moving.assign_add((batch - moving) * share)


class BatchNorm(tf.keras.layers.Layer):
  """Batch norm over the last axis of [B, H, W, C].

  Attributes:
    affine: Whether a scale and an offset are learnt. A search leaves them out
      wherever a weight of the architecture follows.
    momentum: Share of the old moving statistics in the new.
  """

  momentum = MOMENTUM

  def __init__(
    self,
    affine: bool = True,
    name: str | None = None,
    dtype: str | None = None,
  ):
    super().__init__(name=name, dtype=dtype)
    self.affine = affine

  def build(self, input_shape):
    shape = [input_shape[-1]]

    def add(name, initializer, trainable):
      return self.add_weight(
        name,
        shape,
        initializer=initializer,
        trainable=trainable,
        experimental_autocast=False,  # float32 in mixed precision too
        **({} if trainable else replicas.OWN_STATISTICS),
      )

    if self.affine:
      self.gamma = add('gamma', 'ones', True)
      self.beta = add('beta', 'zeros', True)
    else:
      self.gamma, self.beta = tf.ones(shape), tf.zeros(shape)
    self.moving_mean = add('moving_mean', 'zeros', False)
    self.moving_variance = add('moving_variance', 'ones', False)
    super().build(input_shape)

  def call(
    self,
    x: tf.Tensor,
    phase: phases.Phase = phases.INFERENCE,
  ) -> tf.Tensor:
    x, mean, variance = normalize(
      x,
      self.moving_mean,
      self.moving_variance,
      self.gamma,
      self.beta,
      phase.training,
    )
    if phase.training and phase.statistics_move:
      fold(self.moving_mean, mean)
      fold(self.moving_variance, variance)
    return x

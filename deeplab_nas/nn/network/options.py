"""What a genotype leaves open of its network."""

from __future__ import annotations

import dataclasses
import functools
import numbers
from collections.abc import Iterable

import tensorflow as tf

from deeplab_nas.nn.network import conv_norm


@dataclasses.dataclass(frozen=True)
class NetworkOptions:
  """What a genotype leaves open; the defaults are the paper's network.

  Attributes:
    aspp_rates: Atrous rates of ASPP's 3x3 convolutions.
    separable_head: Whether the 3x3 convolutions of ASPP and decoder are split
      into depthwise and pointwise ones.
    low_level_stride: Stride of the features that the decoder joins.
    drop_path_keep_prob: Probability to keep an operation of the last cell at
      the end of training; 1 switches scheduled drop path off.
    batch_norm_momentum: Decay of the moving statistics.
    sync_batch_norm: Whether batch statistics are those of all replicas.
    fold_batch_norm: Whether convolutions have a bias in place of batch norm;
      for inference, see `deeplab_nas.nn.network.folding`.
    winograd_decoder: Whether the decoder's 3x3 convolutions take fewer
      multiplications, see `deeplab_nas.nn.network.winograd`; for inference,
      so only with `fold_batch_norm`.
  """

  aspp_rates: tuple[int, ...] = (12, 24, 36)
  separable_head: bool = False
  low_level_stride: int = 4
  drop_path_keep_prob: float = 1.0
  batch_norm_momentum: float = 0.9997
  sync_batch_norm: bool = False
  fold_batch_norm: bool = False
  winograd_decoder: bool = False

  def __post_init__(self):
    if not isinstance(self.aspp_rates, Iterable):
      raise ValueError(f'aspp_rates is {self.aspp_rates}, expected a list')
    object.__setattr__(self, 'aspp_rates', tuple(self.aspp_rates))
    for rate in self.aspp_rates:
      if not isinstance(rate, numbers.Integral) or rate < 1:
        raise ValueError(
          f'aspp_rates has {rate}, expected whole numbers, at least 1'
        )
    if not 0 < self.drop_path_keep_prob <= 1:
      raise ValueError(
        f'drop_path_keep_prob is {self.drop_path_keep_prob}, expected above 0'
        ' and at most 1'
      )
    if not 0 <= self.batch_norm_momentum < 1:
      raise ValueError(
        f'batch_norm_momentum is {self.batch_norm_momentum}, expected at least'
        ' 0 and below 1'
      )
    if self.winograd_decoder and not self.fold_batch_norm:
      raise ValueError('winograd_decoder is for a network with fold_batch_norm')

  def norm(self, epsilon: float) -> conv_norm.NormFactory | None:
    """Makes the batch norms of a part of the network."""
    if self.fold_batch_norm:
      return None
    return functools.partial(
      tf.keras.layers.BatchNormalization,
      momentum=self.batch_norm_momentum,
      epsilon=epsilon,
      synchronized=self.sync_batch_norm,
    )

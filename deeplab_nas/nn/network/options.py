"""What a genotype leaves open of its network."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import train as config_train
from deeplab_nas.nn.network import conv_norm
from deeplab_nas.space import widths

_DEFAULTS = config_train.NetworkConfig()


@dataclasses.dataclass(frozen=True)
class NetworkOptions:
  """What a genotype leaves open; the defaults are the paper's network.

  What is also a setting of `NetworkConfig` has its default and its range.

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
    stem_filters: Of the stem's three convolutions.
    head_filters: Of ASPP and decoder, see `widths.NetworkWidths`.

  Raises:
    ValueError: If a value does not fit.
  """

  aspp_rates: tuple[int, ...] = _DEFAULTS.aspp_rates
  separable_head: bool = _DEFAULTS.separable_head
  low_level_stride: int = _DEFAULTS.low_level_stride
  drop_path_keep_prob: float = _DEFAULTS.drop_path_keep_prob
  batch_norm_momentum: float = _DEFAULTS.batch_norm_momentum
  sync_batch_norm: bool = False
  fold_batch_norm: bool = False
  winograd_decoder: bool = False
  stem_filters: tuple[int, int, int] = _DEFAULTS.stem_filters
  head_filters: int = _DEFAULTS.head_filters

  def __post_init__(self):
    ours = {field.name for field in dataclasses.fields(self)}
    settings = {
      field.name: _plain(getattr(self, field.name))
      for field in dataclasses.fields(_DEFAULTS)
      if field.name in ours
    }
    try:
      checked = config_train.NetworkConfig(**settings)
    except errors.UserError as error:
      raise ValueError(str(error).rstrip('.')) from error
    for name in settings:
      object.__setattr__(self, name, getattr(checked, name))
    if self.winograd_decoder and not self.fold_batch_norm:
      raise ValueError('winograd_decoder is for a network with fold_batch_norm')

  @property
  def low_level_filters(self) -> int:
    """Of the decoder's projection of the low-level features."""
    head = widths.NetworkWidths(head_filters=self.head_filters)
    return head.low_level_filters

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


def _plain(value: Any) -> Any:
  """The value in Python's own types, as settings have it."""
  if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
    return tuple(map(_plain, value))
  return value.item() if isinstance(value, np.generic) else value

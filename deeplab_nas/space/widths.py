"""How wide each part of a derived network is: the one place of these numbers.

Reference:
  Auto-DeepLab, Sec. 5.2, https://arxiv.org/abs/1901.02985 (stem);
  DeepLabv3+, Sec. 3.1, https://arxiv.org/abs/1802.02611 (ASPP and decoder).
"""

from __future__ import annotations

import dataclasses
import math
import numbers
from collections.abc import Iterable

STEM_FILTERS = (64, 64, 128)
HEAD_FILTERS = 256
# For narrow cells, beside which the paper's would have nearly all of the cost.
SLIM_STEM_FILTERS = (16, 16, 32)
SLIM_HEAD_FILTERS = 64
# The low-level projection at the default head; others scale it.
_LOW_LEVEL_FILTERS = 48
ASPP_RATES = (12, 24, 36)
LOW_LEVEL_STRIDE = 4


@dataclasses.dataclass(frozen=True)
class NetworkWidths:
  """The widths that a genotype leaves open; the defaults are the paper's S.

      NetworkWidths(20.5).filters(1)           # 41
      NetworkWidths(8, (16, 16, 32), 64).low_level_filters   # 12

  Attributes:
    filter_multiplier: F, at least 1. It may be a fraction: a block at level l
      has int(F * 2**l) filters, as in the released code.
    stem_filters: Filters of the stem's three convolutions.
    head_filters: Filters of ASPP's branches and projection and of the decoder's
      3x3 convolutions. The decoder's low-level projection has 48 / 256 of them,
      rounded, at least 1.
  """

  filter_multiplier: float = 20
  stem_filters: tuple[int, int, int] = STEM_FILTERS
  head_filters: int = HEAD_FILTERS

  def __post_init__(self):
    check_filter_multiplier(self.filter_multiplier)
    object.__setattr__(
      self, 'stem_filters', checked_stem_filters(self.stem_filters)
    )
    if not _is_count(self.head_filters):
      raise ValueError(
        f'head_filters is {self.head_filters}, expected a whole number, at'
        ' least 1'
      )

  def filters(self, level: int) -> int:
    """Filters of one block at a level."""
    return block_filters(self.filter_multiplier, level)

  def with_stem_and_head(self, share: float) -> NetworkWidths:
    """The same F, and a share of the filters of stem and head.

    Each number is rounded, and at least 1.
    """
    stem = [max(round(share * filters), 1) for filters in self.stem_filters]
    head = max(round(share * self.head_filters), 1)
    return dataclasses.replace(self, stem_filters=stem, head_filters=head)

  @property
  def low_level_filters(self) -> int:
    """Of the decoder's projection of stride-4 features; 48 by default."""
    return max(round(_LOW_LEVEL_FILTERS * self.head_filters / HEAD_FILTERS), 1)


def block_filters(filter_multiplier: float, level: int) -> int:
  """int(F * 2**level): F at stride 4, doubled with every stride."""
  return int(filter_multiplier * 2**level)


def check_filter_multiplier(value: float) -> None:
  """Raises a ValueError for an F that gives a block no filters."""
  is_number = isinstance(value, numbers.Real) and not isinstance(value, bool)
  if not is_number or not math.isfinite(value) or value < 1:
    raise ValueError(
      f'filter_multiplier is {value}, expected a number, at least 1'
    )


def checked_stem_filters(values: Iterable[int]) -> tuple[int, int, int]:
  """Three positive whole numbers as a tuple.

  Raises:
    ValueError: If they are something else.
  """
  if not isinstance(values, Iterable) or isinstance(values, (str, bytes)):
    raise ValueError(f'stem_filters is {values}, expected three numbers')
  filters = tuple(values)
  if len(filters) != 3 or not all(map(_is_count, filters)):
    raise ValueError(
      f'stem_filters is {filters}, expected three whole numbers, each at least'
      ' 1'
    )
  return tuple(map(int, filters))


def _is_count(value: object) -> bool:
  return (
    isinstance(value, numbers.Integral)
    and not isinstance(value, bool)
    and value >= 1
  )

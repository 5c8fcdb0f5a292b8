"""The operations that an edge of a cell may compute.

A primitive is a record: its name is for people and files, its fields are for
programs. Nobody parses a name.

Reference:
  Auto-DeepLab, Sec. 3.1, https://arxiv.org/abs/1901.02985 (the default set);
  DARTS, Sec. 3, https://arxiv.org/abs/1806.09055 (the second preset);
  PNAS, Sec. 3, https://arxiv.org/abs/1712.00559 (the third one).
"""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class Primitive:
  """One candidate operation of stride 1.

  Attributes:
    name: Unique name, as it stands in a genotype file.
    kind: What computes it: a key of `BUILDERS` in
      `deeplab_nas/nn/supernet/operators.py`.
    kernel_size: Height and width of the window, odd; 1 for skip and none.
    rate: Atrous rate of the window.
  """

  name: str
  kind: str
  kernel_size: int = 1
  rate: int = 1

  def __post_init__(self):
    if self.kernel_size < 1 or self.kernel_size % 2 == 0:
      raise ValueError(
        f'primitive {self.name!r}: kernel_size {self.kernel_size} is not an '
        'odd positive number'
      )
    if self.rate < 1:
      raise ValueError(f'primitive {self.name!r}: rate {self.rate} is below 1')

  @property
  def is_none(self) -> bool:
    """Whether choosing it means "no connection"."""
    return self.kind == 'none'

  @property
  def is_parameter_free(self) -> bool:
    """Whether it is a skip or a pool: a connection that learns nothing.

    `none` is no connection, and so is not one of these.
    """
    return self.kind in ('skip', 'max_pool', 'avg_pool')


NONE = Primitive('none', 'none')
SKIP = Primitive('skip_connect', 'skip')
MAX_POOL_3X3 = Primitive('max_pool_3x3', 'max_pool', 3)
AVG_POOL_3X3 = Primitive('avg_pool_3x3', 'avg_pool', 3)
# A separable convolution is applied twice: (ReLU, depthwise, pointwise, BN) x2.
SEP_CONV_3X3 = Primitive('sep_conv_3x3', 'sep_conv', 3)
SEP_CONV_5X5 = Primitive('sep_conv_5x5', 'sep_conv', 5)
SEP_CONV_7X7 = Primitive('sep_conv_7x7', 'sep_conv', 7)
# A full convolution: only so does the released network have the parameters
# that the paper's Table 2 gives.
ATROUS_CONV_3X3 = Primitive('atrous_conv_3x3', 'atrous_conv', 3, rate=2)
ATROUS_CONV_5X5 = Primitive('atrous_conv_5x5', 'atrous_conv', 5, rate=2)
# The DARTS family's depthwise cousin: (ReLU, depthwise rate 2, pointwise, BN).
DIL_CONV_3X3 = Primitive('dil_conv_3x3', 'dil_conv', 3, rate=2)
DIL_CONV_5X5 = Primitive('dil_conv_5x5', 'dil_conv', 5, rate=2)

_COMMON = (
  NONE,
  MAX_POOL_3X3,
  AVG_POOL_3X3,
  SKIP,
  SEP_CONV_3X3,
  SEP_CONV_5X5,
)

# The order is the order of alpha's last axis.
PRIMITIVES = _COMMON + (ATROUS_CONV_3X3, ATROUS_CONV_5X5)
DARTS_PRIMITIVES = _COMMON + (DIL_CONV_3X3, DIL_CONV_5X5)
# Holds the cell of PNASNet-5; of PNAS' own set, 1x7-7x1 and dilated 3x3 lack.
PNASNET_PRIMITIVES = _COMMON + (SEP_CONV_7X7,)

# Of the table of trials HB-1, g3doc/projects/table.md.
HB1_PRIMITIVES = (SKIP, SEP_CONV_3X3, SEP_CONV_5X5, ATROUS_CONV_3X3)

PRESETS = {
  'auto_deeplab': PRIMITIVES,
  'darts': DARTS_PRIMITIVES,
  'pnasnet': PNASNET_PRIMITIVES,
  'hb1': HB1_PRIMITIVES,
}

BY_NAME = {
  primitive.name: primitive
  for preset in PRESETS.values()
  for primitive in preset
}

"""Collapse: a search that ends with skips and pools, which need no training.

They carry gradients best while the weights are young, and so win early.

Reference:
  DARTS+, https://arxiv.org/abs/1909.06035
  RobustDARTS, https://arxiv.org/abs/1909.09656
"""

from __future__ import annotations

from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import primitives

# A random genotype of the default operators has 3/7 on average.
LIMIT = 0.5


def num_parameter_free(genotype: genotype_lib.Genotype) -> int:
  """How many of the cell's connections are skips and pools."""
  return sum(
    primitives.BY_NAME[name].is_parameter_free for _, name in genotype.edges()
  )


def parameter_free_fraction(genotype: genotype_lib.Genotype) -> float:
  """Share of the cell's connections that are skips and pools, in [0, 1]."""
  return num_parameter_free(genotype) / (2 * genotype.num_blocks)


def is_collapsed(genotype: genotype_lib.Genotype) -> bool:
  """Whether at least half of the connections learn nothing."""
  return parameter_free_fraction(genotype) >= LIMIT

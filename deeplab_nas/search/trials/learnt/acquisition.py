"""What a model's expectations are worth: where a search goes on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy.stats

from deeplab_nas.space import genotype as genotype_lib

# Of the architectures that a model thinks the best, candidates are mutations.
_NUM_PARENTS = 4


def expected_improvement(
  mean: np.ndarray, sd: np.ndarray, least: float
) -> np.ndarray:
  """E max(least - y, 0) of normal y, Eq. (15) of Jones et al.

  https://doi.org/10.1023/A:1008306431147

  Args:
    mean: Float [N], of y.
    sd: Float [N], at least 0.
    least: What is to be improved on.
  """
  sd = np.maximum(sd, 1e-12)
  z = (least - mean) / sd
  return sd * (z * scipy.stats.norm.cdf(z) + scipy.stats.norm.pdf(z))


def parents(
  numbers: Mapping[genotype_lib.Genotype, int], means: np.ndarray
) -> dict[genotype_lib.Genotype, int]:
  """The four architectures of the least means, the best one first.

  Args:
    numbers: Of a trial of each architecture.
    means: Float [N], what is expected of each, in this order.
  """
  known = list(numbers)
  order = np.argsort(means, kind='stable')[:_NUM_PARENTS]
  return {known[i]: numbers[known[i]] for i in order}

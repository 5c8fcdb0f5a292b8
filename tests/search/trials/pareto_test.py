"""Optuna's Pareto front."""

import numpy as np
import pytest

from deeplab_nas.search.trials import pareto


@pytest.mark.parametrize('num_objectives', [1, 2, 3])
def test_the_front_is_what_no_other_row_dominates(num_objectives):
  rows = np.random.default_rng(0).integers(6, size=(25, num_objectives))
  expected = [
    i
    for i, a in enumerate(rows)
    if not any((b <= a).all() and (b < a).any() for b in rows)
  ]
  assert pareto.front(rows) == expected


def test_of_nothing_there_is_no_front():
  assert pareto.front([]) == []

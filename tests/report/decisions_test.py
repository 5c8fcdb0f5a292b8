"""Margins of chance are hardly ever called discoveries, larger ones are."""

import numpy as np

from deeplab_nas.report import decisions

NUM_WALKS = 64


def margins(rng, *planted):
  """Exponential margins, whose usual size differs from place to place."""
  usual = rng.uniform(0.5, 20, len(planted))
  walks = rng.exponential(usual, (NUM_WALKS, len(planted)))
  return rng.exponential(usual) + np.array(planted) * usual, walks


def test_chance_is_found_in_one_search_of_twenty():
  rng = np.random.default_rng(0)
  found = [
    any(x.any() for x in decisions.discoveries([margins(rng, *[0] * 12)]))
    for _ in range(400)
  ]
  assert 0.02 < np.mean(found) < 0.09


def test_what_is_larger_is_found_and_little_else():
  rng = np.random.default_rng(1)
  false, true = 0, 0
  for _ in range(100):
    cell, path = decisions.discoveries(
      [margins(rng, *[0, 20] * 5), margins(rng, *[0] * 6, *[20] * 6)]
    )
    true += cell[1::2].sum() + path[6:].sum()
    false += cell[::2].sum() + path[:6].sum()
  assert true == 1100
  assert 0 < false / (true + false) < 0.05


def test_what_has_no_alternative_is_no_discovery():
  rng = np.random.default_rng(2)
  own, walks = margins(rng, 20, 20, 20)
  own[1] = walks[:, 1] = np.inf
  (found,) = decisions.discoveries([(own, walks)])
  assert found.tolist() == [True, False, True]
  own[:] = walks[:] = np.inf
  assert not decisions.discoveries([(own, walks)])[0].any()

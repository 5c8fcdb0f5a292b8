"""Which of many margins are larger than chance makes them.

Of the margins that are called so, at most one in twenty is expected to be
chance.

Reference:
  Benjamini and Hochberg, Controlling the false discovery rate, JRSS B 1995.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

# Expected share of chance among the discoveries.
_FALSE_SHARE = 0.05
_SMALLEST = 1e-12


def discoveries(
  kinds: Sequence[tuple[np.ndarray, np.ndarray]],
) -> list[np.ndarray]:
  """Which margins are no chance, of all kinds together.

  Args:
    kinds: Margins [...] of the search and [R, ...] of walks.

  Returns:
    bool [...] of each kind; False where the space leaves no choice.
  """
  chances = []
  for own, walks in kinds:
    is_open = np.isfinite(own)
    chances.append(np.full(own.shape, np.inf))
    chances[-1][is_open] = _chance(own[is_open], walks[:, is_open])
  limit = _limit(np.concatenate([x[np.isfinite(x)] for x in chances]))
  return [x <= limit for x in chances]


def _chance(own: np.ndarray, walks: np.ndarray) -> np.ndarray:
  """How often a walk's margin is as large, by the size that is usual there.

  Args:
    own: [N] of the search.
    walks: [R, N].
  """
  usual = np.maximum(walks.mean(0), _SMALLEST)
  pooled = np.sort(walks / usual, axis=None)
  above = pooled.size - np.searchsorted(pooled, own / usual)
  return (1 + above) / (1 + pooled.size)


def _limit(chances: np.ndarray) -> float:
  """The largest chance that still counts as a discovery; 0 for none."""
  ranked = np.sort(chances)
  allowed = _FALSE_SHARE * np.arange(1, len(ranked) + 1) / max(len(ranked), 1)
  passing = ranked[ranked <= allowed]
  return float(passing.max()) if passing.size else 0.0

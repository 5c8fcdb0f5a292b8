"""Which architecture weights the loss of a supernet can see.

Whatever reads a node normalises it, so of the transitions into a node the loss
sees how their weights compare, and not how large they are. That has two
consequences:

- The weight of a transition into a node that has no other is unseen.
- A logit is unseen if all moves out of its node lead to such nodes, as those of
  the stem do: it changes nothing but weights that are unseen. So is the logit
  of a node with one exit, whose weight is 1 whatever it is.

With one distribution over whole paths, `global`, the loss sees the weights of
all transitions, as the heads are weighed by what arrives, and the logits of all
that not every path takes.

The share of all weight that arrives at each stride of the last layer is unseen
for the same reason: every stride's head normalises what it reads.

Reference:
  Auto-DeepLab, Sec. 4.1, Eq. (6) and (7), https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import numpy as np

from deeplab_nas.space import cell_space, search_space
from deeplab_nas.space import lattice as lattice_lib


def seen_transitions(
  lattice: lattice_lib.Lattice, paths: str = search_space.LOCAL
) -> np.ndarray:
  """Whether the loss depends on a transition's weight.

  Args:
    lattice: Of the transitions.
    paths: See `SearchSpace`.

  Returns:
    bool [L, S, 3]; illegal moves are False.
  """
  if paths == search_space.GLOBAL:
    return lattice.legal.copy()
  seen = np.zeros(lattice.legal.shape, bool)
  for edge in lattice.edges:
    seen[edge.index] = len(lattice.edges_into(edge.target)) > 1
  return seen


def seen_beta(
  lattice: lattice_lib.Lattice, paths: str = search_space.LOCAL
) -> np.ndarray:
  """Whether the loss depends on an entry of beta, a logit.

  Args:
    lattice: Of the transitions.
    paths: See `SearchSpace`.

  Returns:
    bool [L, S, 3]; illegal moves are False.
  """
  if paths == search_space.GLOBAL:
    return lattice.legal & (lattice.num_levels > 1)
  exits = lattice.legal.sum(-1, keepdims=True)  # [L, S, 1]
  reaches = seen_transitions(lattice).any(-1, keepdims=True)
  return lattice.legal & (exits > 1) & reaches


def seen_operations(space: search_space.SearchSpace) -> np.ndarray:
  """Whether the loss depends on an operation's weight on an edge.

  That of `none` multiplies zeros. With partial channels it also counts for what
  goes around the operations.

  Returns:
    bool [E, K].
  """
  cell, bypasses = space.cell, space.partial_channels > 1
  is_seen = [bypasses or not each.is_none for each in cell.primitives]
  return np.tile(is_seen, (len(cell.edges), 1))


def seen_alpha(cell: cell_space.CellSpace) -> np.ndarray:
  """Whether the loss depends on an entry of alpha, a logit.

  The logit of `none` takes weight from the others, and so is seen. A single
  primitive has all weight, whatever its logit is.

  Returns:
    bool [E, K].
  """
  shape = len(cell.edges), len(cell.primitives)
  return np.full(shape, shape[-1] > 1)

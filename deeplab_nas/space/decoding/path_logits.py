"""One distribution over whole paths, as the moves out of each node.

  P(path) = exp(sum of the logits of its transitions) / Z

is a Markov chain, whose moves have the probabilities

  p(s -> t) ~ exp(logit(s -> t) + log Z(t)),
  log Z(s) = log sum_t exp(logit(s -> t) + log Z(t)),   0 in the last layer

by the backward pass of the forward-backward algorithm, in logs. So whatever
works with probabilities of moves works with whole paths too.

Reference:
  Lafferty et al., Conditional random fields, ICML 2001
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

from deeplab_nas.space import lattice as lattice_lib

# Of illegal moves: finite, so that gradients are.
_NEVER = -1e30


def move_logits(
  logits: Any, lattice: lattice_lib.Lattice, library: Any = np
) -> Any:
  """Logits whose softmax over the moves out of each node is that chain.

  Args:
    logits: float [..., L, S, 3], one for each transition; entries of illegal
      moves have no effect.
    lattice: Of the paths.
    library: What computes, `numpy` or `tensorflow`; with that a gradient gets
      to the logits.

  Returns:
    float [..., L, S, 3] of the logits' type; illegal moves are 0.
  """
  is_numpy = library is np
  log_sum_exp = special.logsumexp if is_numpy else library.reduce_logsumexp
  logits = np.asarray(logits) if is_numpy else library.convert_to_tensor(logits)
  dtype = logits.dtype if is_numpy else logits.dtype.as_numpy_dtype
  by_level = np.zeros([lattice.num_levels, 3, lattice.num_levels], dtype)
  for edge in lattice.edges:
    by_level[edge.source.level, edge.move, edge.target.level] = 1
  rest, found = np.zeros(lattice.num_levels, dtype), []  # log Z, [..., S]
  for layer in range(lattice.num_layers - 1, -1, -1):
    legal = lattice.legal[layer]  # [S, 3]
    ahead = library.einsum('...t,smt->...sm', rest, by_level)
    moves = logits[..., layer, :, :] + ahead
    found.insert(0, library.where(legal, moves, np.zeros([], dtype)))
    masked = library.where(legal, moves, np.asarray(_NEVER, dtype))
    total = log_sum_exp(masked, axis=-1)
    rest = library.where(legal.any(-1), total, np.zeros([], dtype))
  return library.stack(found, axis=-3)

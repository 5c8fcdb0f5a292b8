"""How far weights are from decoding to something else.

The margin of a connection or a layer is what the score of the best architecture
that differs there lacks: 0 for a tie. All functions take any number of leading
axes, so that many architectures are measured at once.
"""

from __future__ import annotations

import numpy as np

from deeplab_nas.space import cell_space
from deeplab_nas.space import lattice as lattice_lib


def of_cell(logs: np.ndarray, cell: cell_space.CellSpace) -> np.ndarray:
  """The margins of the connections that decoding keeps.

  Args:
    logs: [..., E, K], log weights; those of `none` do not count.
    cell: The cell space whose axes they have.

  Returns:
    float64 [..., B, 2], the stronger connection of each block first. inf where
    the space has no alternative.
  """
  is_none = np.array([primitive.is_none for primitive in cell.primitives])
  logs = np.where(is_none, -np.inf, np.asarray(logs, np.float64))
  no_other = np.full([*logs.shape[:-1], 1], -np.inf)
  ranked = np.sort(np.concatenate([logs, no_other], -1), axis=-1)  # [..., E, K]
  first, second = ranked[..., -1], ranked[..., -2]
  blocks = []
  for block in range(cell.num_blocks):
    edges = [cell.edge_index(s, block) for s in cell.sources(block)]
    order = np.argsort(-first[..., edges], axis=-1, kind='stable')
    strength = np.take_along_axis(first[..., edges], order, -1)
    other_op = np.take_along_axis(second[..., edges], order, -1)
    best = other_op[..., :2]
    if len(edges) > 2:
      best = np.maximum(best, strength[..., 2:3])
    blocks.append(strength[..., :2] - best)
  return np.stack(blocks, -2)


def of_path(logs: np.ndarray, lattice: lattice_lib.Lattice) -> np.ndarray:
  """The margins of the levels that decoding gives to the layers.

  Args:
    logs: [..., L, S, 3], what each transition adds to a path's score, see
      `decode.log_weights`.
    lattice: The lattice whose axes they have.

  Returns:
    float64 [..., L]. inf where a layer has one level only.
  """
  logs = np.where(lattice.legal, np.asarray(logs, np.float64), -np.inf)
  batch = logs.shape[:-3]
  # The best way to each node, and from it on.
  to = {lattice_lib.STEM: np.zeros(batch)}
  on = {
    node: np.zeros(batch)
    for node in lattice.nodes
    if node.layer == lattice.num_layers
  }
  for edge in lattice.edges:
    way = to[edge.source] + logs[(..., *edge.index)]
    to[edge.target] = np.maximum(to.get(edge.target, -np.inf), way)
  for edge in reversed(lattice.edges):
    way = on[edge.target] + logs[(..., *edge.index)]
    on[edge.source] = np.maximum(on.get(edge.source, -np.inf), way)
  layers = []
  for layer in range(1, lattice.num_layers + 1):
    nodes = [lattice_lib.Node(layer, level) for level in lattice.levels(layer)]
    through = np.sort(np.stack([to[n] + on[n] for n in nodes], -1), axis=-1)
    if len(nodes) == 1:
      layers.append(np.full(batch, np.inf))
    else:
      layers.append(through[..., -1] - through[..., -2])
  return np.stack(layers, -1)

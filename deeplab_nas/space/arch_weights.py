"""The weights of a relaxed architecture: all that a supernet knows of a search.

Reference:
  Auto-DeepLab, Sec. 4.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from deeplab_nas import files, safe_json
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space


class ArchWeights(NamedTuple):
  """Normalised weights of every operation and every transition.

  Attributes:
    op: float32 [E, K], softmax of alpha: for each cell edge (the order of
      `CellSpace.edges`) the weights of its primitives. One cell, shared by all
      nodes of the lattice. With partial channels times the weight of the edge:
      rows sum to that, and those of a block to 1.
    transition: float32 [L, S, 3], softmax of beta over the moves that leave a
      node, Eq. (7); illegal moves are exactly 0.

  Both are tensors in a supernet and may be arrays elsewhere.
  """

  op: Any
  transition: Any


def save(weights: ArchWeights, path: str | os.PathLike[str]) -> None:
  """Writes arrays as a JSON file, whole or not at all; nothing is rounded."""
  fields = (
    f' {json.dumps(name)}: {json.dumps(np.asarray(values, float).tolist())}'
    for name, values in weights._asdict().items()
  )
  files.write(path, '{"version": 1,\n' + ',\n'.join(fields) + '}\n')


def load(
  path: str | os.PathLike[str], space: search_space.SearchSpace
) -> ArchWeights:
  """Reads what `save` wrote.

  Args:
    path: The file.
    space: The search space whose axes the weights have.

  Returns:
    Arrays of float64.

  Raises:
    ValueError: If the file is missing or holds no weights of this space; the
      message starts with the path.
  """
  edges, primitives = len(space.cell.edges), len(space.cell.primitives)
  try:
    record = safe_json.parse(files.read(path))
    if not isinstance(record, dict) or record.get('version') != 1:
      raise ValueError('it holds no weights of version 1')
    weights = ArchWeights(
      checked_array(record.get('op'), (edges, primitives), 'op'),
      checked_array(
        record.get('transition'), space.lattice.legal.shape, 'transition'
      ),
    )
    if min(array.min() for array in weights) < 0:
      raise ValueError('it has a negative weight')
  except (OSError, TypeError, ValueError) as error:
    reason = getattr(error, 'strerror', None) or error
    raise ValueError(f'{os.fspath(path)}: {reason}') from error
  return weights


def one_hot(
  genotype: genotype_lib.Genotype, space: search_space.SearchSpace
) -> ArchWeights:
  """The weights that put everything on one architecture.

  Args:
    genotype: An element of `space`.
    space: The search space whose axes are meant.

  Returns:
    Arrays: a weight of 1 for each connection and each transition of the
    genotype (2 where it has the same connection twice), 0 elsewhere.

  Raises:
    ValueError: If `genotype` is no element of `space`.
  """
  space.check(genotype)
  names = [primitive.name for primitive in space.cell.primitives]
  op = np.zeros([len(space.cell.edges), len(names)], np.float32)
  for edge, primitive in genotype.edges():
    op[space.cell.edge_index(*edge), names.index(primitive)] += 1
  transitions = np.zeros(space.lattice.legal.shape, np.float32)
  for edge in space.lattice.path_edges(genotype.path):
    transitions[edge.index] = 1
  return ArchWeights(op, transitions)


def entropy(probs: np.ndarray) -> np.ndarray:
  """Entropy in nats over the last axis, 0 log 0 = 0; [...] from [..., N]."""
  probs = np.asarray(probs, np.float64)
  logs = np.log(probs, out=np.zeros_like(probs), where=probs > 0)
  return -(probs * logs).sum(-1)


def checked_array(values: Any, shape: Sequence[int], name: str) -> np.ndarray:
  """The values as float64 of the given shape.

  Raises:
    ValueError: If they have another shape or are not finite.
  """
  values = np.asarray(values, np.float64)
  if values.shape != tuple(shape):
    raise ValueError(f'{name} has shape {values.shape}, expected {shape}')
  if not np.isfinite(values).all():
    raise ValueError(f'{name} has a value that is not finite')
  return values

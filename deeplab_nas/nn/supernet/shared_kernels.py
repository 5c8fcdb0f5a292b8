"""Kernels that all sources of a block share, laid out for its edges.

Without sharing each edge has kernels of its own, keyed by (edge, operation).
With it they are keyed by (block, operation): whichever source an operation of a
block reads, it has the same kernels, so that each is learnt in more of the
steps of a search that samples architectures. Statistics stay those of edges.

Both paths of a node compute with kernels of edges. So they are copied to where
edges would have theirs, and the gradient of a copy adds up.

Reference:
  Pham et al., ENAS, Sec. 2.2 (kernels by layer and operation, whatever the
  input), https://arxiv.org/abs/1802.03268
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops
from deeplab_nas.nn.supernet import edge_groups, operators
from deeplab_nas.nn.supernet.operators import FastPath

Shape = tuple[int, ...]


class SharedKernels:
  """The order of a node's shared weights, and their copies for edges.

  First come weight after weight of all operations that are not separable, each
  [*window, B, C]. Those of separable ones follow, which have the same window
  side by side: [*window, N, B, C].
  """

  def __init__(
    self,
    all_operators: Sequence[operators.Operator],
    groups: Sequence[edge_groups.Group],
  ):
    """For the operators and the groups of edges of a `Layout`."""
    self._groups = groups
    self._num_blocks = groups[0].num_blocks
    self._whole = [
      (shape, op.fast_path is FastPath.FULL)
      for op in all_operators
      for shape in op.weight_shapes
      if op.fast_path is not FastPath.SEPARABLE
    ]
    self._separable: dict[Shape, list[Shape]] = {}  # by window
    for op in all_operators:
      if op.fast_path is FastPath.SEPARABLE:
        for shape in op.weight_shapes:
          self._separable.setdefault(shape[:-1], []).append(shape)

  @functools.cached_property
  def fan_in(self) -> np.ndarray:
    """Of each weight, int [N]."""
    shapes = [shape for shape, _ in self._whole]
    shapes += itertools.chain(*self._separable.values())
    of_each = [np.full(self._size(x), math.prod(x[:-1])) for x in shapes]
    return np.concatenate([np.zeros(0, int), *of_each])

  def copies(self, weights: tf.Tensor) -> list[tf.Tensor]:
    """What the edges have, in the order of `Layout`.

    Args:
      weights: [N].

    Returns:
      Vectors: of each key of `Layout.whole` that is a part of an edge, and of
      both lists of `Layout.separable` unless they are empty.
    """
    sizes = [self._size(shape) for shape, _ in self._whole]
    sizes += [sum(map(self._size, x)) for x in self._separable.values()]
    if not sizes:
      return []
    kernels = graph_ops.split(weights, sizes)
    return [
      *self._of_whole(kernels[: len(self._whole)]),
      *self._of_separable(kernels[len(self._whole) :]),
    ]

  def _of_whole(self, kernels: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    copies = [
      self._copies(kernel, [*shape[:-1]], shape[-1], by_source)
      for kernel, (shape, by_source) in zip(kernels, self._whole)
    ]  # of each weight for each group
    return [_flat(copy) for of_group in zip(*copies) for copy in of_group]

  def _of_separable(self, kernels: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    firsts, others = [], []
    for kernel, (window, shapes) in zip(kernels, self._separable.items()):
      first, *rest = self._copies(
        kernel, [*window, len(shapes)], shapes[0][-1], by_source=False
      )
      firsts.append(_flat(first))
      if rest:
        by_window = [graph_ops.reshape(x, [*window, -1]) for x in rest]
        others.append(_flat(graph_ops.concat_channels(by_window)))
    return [graph_ops.concat_channels(x) for x in (firsts, others) if x]

  def _copies(
    self, kernel: tf.Tensor, outer: list[int], channels: int, by_source: bool
  ) -> list[tf.Tensor]:
    """For each group of edges, the kernels of the blocks that they enter.

    Args:
      kernel: The elements of [*outer, B, channels].
      outer: The axes before those.
      channels: Of one edge.
      by_source: Whether edges come source after source, not block after block.

    Returns:
      For each group [*outer, ..., n * channels] of its n edges, or that in two
      axes.
    """
    num_sources = len(self._groups[0].sources)
    width = [self._num_blocks * channels]
    if not by_source:
      width = [self._num_blocks, channels]
    first = graph_ops.reshape(kernel, [*outer, *width])
    copies = [graph_ops.tile_channels(first, num_sources)]
    if len(self._groups) == 1:
      return copies
    whole = graph_ops.reshape(kernel, [*outer, self._num_blocks * channels])
    by_block = graph_ops.split(whole, self._num_blocks)
    for group in self._groups[1:]:  # which the last blocks read
      copies.append(graph_ops.concat_channels(by_block[-group.num_blocks :]))
    return copies

  def _size(self, shape: Shape) -> int:
    return self._num_blocks * math.prod(shape)


def _flat(x: tf.Tensor) -> tf.Tensor:
  return graph_ops.reshape(x, [-1])

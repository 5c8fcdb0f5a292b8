"""Where in a node's variables the weights of each operation lie.

A sampled step reads, and moves, those of a few operations of a node. A weight's
last axis has C/K channels that lie together, so places are counted in rows of
as many.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.supernet import layout as layout_lib


class Places:
  """The rows of a node's kernel vector and of its statistics.

  An entry is something of a node that is there or not: the T + 1 inputs, then
  operation k of edge e as number T + 1 + e K + k.

  Attributes:
    row_size: C/K, weights in a row.
    weights: Rows of the kernel vector, entry by entry.
    norms: For each transition the rows of the statistics, entry by entry.
  """

  def __init__(self, layout: layout_lib.Layout):
    shape = layout.shape
    self.row_size = shape.mixed_filters
    self.num_inputs = shape.num_transitions + 1
    self.num_primitives = len(layout.operators)
    self._layout = layout
    edges, primitives = len(shape.cell.edges), self.num_primitives
    self._operations = [*itertools.product(range(edges), range(primitives))]
    self.weights = Ragged.of(self._weights())
    self.norms = [
      Ragged.of(self._norms(t)) for t in range(shape.num_transitions)
    ]

  def inputs(self, transition: int) -> list[int]:
    """The entries of a transition's input and of H^{l-2}."""
    return [transition, self.num_inputs - 1]

  def _weights(self) -> list[np.ndarray]:
    with tf.init_scope():  # out of the graph that is being made
      blocks = self._layout.unpack(tf.range(self._layout.num_weights))
      blocks = {key: block.numpy() for key, block in blocks.items()}
    parts = [[blocks[layout_lib.Input(t)]] for t in range(self.num_inputs)]
    parts += [self._layout.of_edge(blocks, k, e) for e, k in self._operations]
    return [
      np.concatenate([_NO_ROWS, *map(self._rows, of_entry)])
      for of_entry in parts
    ]

  def _rows(self, index: np.ndarray) -> np.ndarray:
    """The numbers of the rows that a weight's indices are."""
    index = index.reshape(-1, self.row_size)
    rows = index[:, 0] // self.row_size
    expected = rows[:, np.newaxis] * self.row_size + np.arange(self.row_size)
    if not np.array_equal(index, expected):
      raise ValueError('the weights of an operation do not lie in rows')
    return rows.astype(np.int32)

  def _norms(self, transition: int) -> list[np.ndarray]:
    layout = self._layout
    keys = [layout_lib.Input(t) for t in range(self.num_inputs)]
    rows = [[layout.row[(key, *at)] for at in layout.rows[key]] for key in keys]
    for edge, k in self._operations:
      group = layout.group_of(edge)
      t = transition if layout.num_transitions(edge) > 1 else 0
      rows.append(
        [
          layout.row[layout_lib.Part(k, i, group), t, edge]
          for i in range(layout.operators[k].num_norms)
        ]
      )
    return [np.asarray(of_entry, np.int32) for of_entry in rows]


class Ragged(NamedTuple):
  """Lists of numbers, of which some are asked for in a graph.

  Attributes:
    values: int32 [V], list after list.
    counts: int32 [N], of each list.
    firsts: int32 [N], where each begins.
  """

  values: Any
  counts: Any
  firsts: Any

  @classmethod
  def of(cls, lists: list[np.ndarray]) -> Ragged:
    """Of int32 [n] each."""
    counts = np.asarray([len(x) for x in lists], np.int32)
    firsts = np.cumsum(counts, dtype=np.int32) - counts
    return cls(np.concatenate(lists), counts, firsts)

  def select(
    self, entries: tf.Tensor, is_there: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """The lists of some entries, one after the other.

    Args:
      entries: int32 [M], numbers of lists.
      is_there: bool [M]; of the others nothing is taken.

    Returns:
      int32 [n], the numbers; and int32 [M], where each entry's begin.
    """
    counts = tf.where(is_there, tf.gather(self.counts, entries), 0)
    ends = tf.cumsum(counts)
    starts = ends - counts
    places = tf.range(ends[-1])
    of_entry = tf.searchsorted(ends, places, side='right')
    shifts = tf.gather(self.firsts, entries) - starts
    chosen = places + tf.gather(shifts, of_entry)
    return tf.gather(self.values, chosen), starts


@functools.cache
def make(shape: layout_lib.NodeShape) -> Places:
  """Those of nodes of a shape."""
  return Places(layout_lib.make(shape))


_NO_ROWS = np.zeros([0], np.int32)

"""The fast path of a relaxed cell: the same function as `ReferenceCell`.

Three rearrangements, none of which changes what is computed:

1. **Transitions on the channel axis.** The inputs of a node's T transitions
   lie side by side, [B, H, W, T*C], with the shared weights tiled T times.
   Batch norm works per channel, so one normalisation gives each transition its
   own statistics. What reads only `prev_prev` is the same for all transitions
   and is computed once.
2. **Source by source.** All n edges that leave a state read the same tensor:
   one ReLU and, per primitive, one depthwise convolution, one grouped 1x1
   convolution and one batch norm serve them all. A weight alpha multiplies a
   normalised tensor, so it *is* that norm's scale. Skip and pools are computed
   once per source; their weighted sums are one 1x1 convolution.
3. **One traced function per shape, recomputed backwards.** All nodes of the
   same shape call the same graph functions, forward and backward. The backward
   one recomputes the forward pass, so that only a node's inputs are stored.

Equality with the reference: tests/nn/fused_cell_test.py. Gain: see
g3doc/performance.md.
"""

from __future__ import annotations

import functools
import itertools

import numpy as np
import tensorflow as tf

from deeplab_nas.nn import batch_norm, depthwise, mixed_op, ops, shapes
from deeplab_nas.space import cell_space


class FusedCell:
  """A node, sum_t beta_t Cell(prev_t, prev_prev; alpha), fast.

  Use `for_shape`, which hands all nodes of one shape the same object.
  """

  def __init__(
    self, cell: cell_space.CellSpace, filters: int, num_transitions: int
  ):
    self.cell = cell
    self.filters = filters
    self.num_transitions = num_transitions
    self.operators = [ops.build(p, filters) for p in cell.primitives]
    # Edges grouped by their source: what one convolution serves together.
    self.edges_from = [
      [i for i, edge in enumerate(cell.edges) if edge.source == source]
      for source in range(cell.num_sources - 1)  # nobody reads the last block
    ]
    self._infer = _shared_function(functools.partial(self._compute, False))
    self._forward = _shared_function(functools.partial(self._compute, True))
    self._backward = _shared_function(self._gradients)

  def __call__(
    self, inputs: mixed_op.CellInputs, training: bool
  ) -> mixed_op.CellOutputs:
    if not training:
      return self._infer(inputs)

    @tf.custom_gradient
    def recomputed(*flat):
      inputs_ = tf.nest.pack_sequence_as(inputs, flat)

      def gradients(output_gradient, *_):
        return tf.nest.flatten(self._backward(inputs_, output_gradient))

      return tuple(self._forward(inputs_)), gradients

    return mixed_op.CellOutputs(*recomputed(*tf.nest.flatten(inputs)))

  def _gradients(
    self, inputs: mixed_op.CellInputs, output_gradient: tf.Tensor
  ) -> mixed_op.CellInputs:
    """Gradients for all inputs but the moving statistics (None)."""
    learnt = inputs._replace(moving_mean=None, moving_variance=None)
    flat = [x for x in tf.nest.flatten(learnt) if x is not None]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(flat)
      output = self._compute(True, inputs).output
    gradients = iter(
      tape.gradient(output, flat, output_gradient, unconnected_gradients='zero')
    )
    return tf.nest.map_structure(
      lambda x: None if x is None else tf.convert_to_tensor(next(gradients)),
      learnt,
    )

  def _compute(
    self, training: bool, inputs: mixed_op.CellInputs
  ) -> mixed_op.CellOutputs:
    walk = _Walk(self, inputs, training)
    states = [inputs.prev, inputs.prev_prev]
    terms = [[] for _ in range(self.cell.num_blocks)]  # of each block's sum
    for source, edges in enumerate(self.edges_from):
      if source >= 2:
        states.append(tf.add_n(terms[source - 2]))
      for edge, term in zip(edges, walk.leave(source, states[source])):
        terms[self.cell.edges[edge].block].append(term)
    blocks = states[2:] + [tf.add_n(terms[-1])]
    return mixed_op.CellOutputs(walk.mix(blocks), *walk.statistics())


@functools.cache
def for_shape(
  cell: cell_space.CellSpace, filters: int, num_transitions: int
) -> FusedCell:
  """The one fast path that all nodes of this shape call."""
  return FusedCell(cell, filters, num_transitions)


@functools.cache
def is_supported() -> bool:
  """Whether this machine has gradients of grouped convolutions.

  TensorFlow's CPU kernels have them through oneDNN only.
  """
  try:
    with tf.GradientTape() as tape:
      x = tf.ones([1, 2, 2, 4])
      tape.watch(x)
      y = tf.nn.conv2d(x, tf.ones([1, 1, 2, 4]), 1, 'SAME')
    tape.gradient(y, x)
  except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
    return False
  return True


def _shared_function(function):
  # Inlined into the graph of 45 cells, it would be traced once but optimised
  # 45 times, and the recomputation would be merged with the forward pass.
  return tf.function(
    function, autograph=False, experimental_attributes={'_noinline': True}
  )


class _Walk:
  """One pass over a cell's sources, with the weights laid out for it.

  Tensors of a source's n edges have channels in one of two orders:
  - by edge: (edge, transition, channel), which tiling a state and splitting a
    sum into its edges need no transposing for;
  - by transition: (transition, edge, channel), which full convolutions make,
    one group for each transition.
  """

  def __init__(
    self, fused: FusedCell, inputs: mixed_op.CellInputs, training: bool
  ):
    self.fused = fused
    self.inputs = inputs
    self.training = training
    self.by_edge = [self._rows(s, True) for s in self._sources]
    self.by_transition = [self._rows(s, False) for s in self._sources]
    self.scales = {
      id(order): self._scales(order)
      for order in (self.by_edge, self.by_transition)
    }  # [order][source][k]: alpha, repeated for each channel
    self.weights = {
      k: [self._laid_out(w, self._order_of(k)) for w in inputs.weights[k]]
      for k, operator in enumerate(fused.operators)
      if type(operator) in (*_SEPARABLE, ops.AtrousConv)
    }  # [k][weight][source]: [..., T*n*C]
    self.recorded = []  # (norm, transition, edge) of each C recorded channels
    self.means = []
    self.variances = []

  def leave(self, source: int, state: tf.Tensor) -> list[tf.Tensor]:
    """What a state contributes to each block that reads it.

    Args:
      source: Number of the state.
      state: float32 [B, H, W, T*C], or [B, H, W, C] for prev_prev.

    Returns:
      For each edge from the source, float32 [B, H, W, T*C].
    """
    active = tf.nn.relu(state)
    by_edge, by_transition = [], self._linear(source, state)
    for k, operator in enumerate(self.fused.operators):
      if type(operator) in _SEPARABLE:
        by_edge.append(self._separable(source, active, k))
      elif type(operator) is ops.AtrousConv:
        by_transition.append(self._atrous(source, active, k))
      elif type(operator) not in (*_LINEAR, ops.NoConnection):
        by_edge.append(self._any(source, state, k))
    if by_transition:
      by_edge.append(self._reordered(source, tf.add_n(by_transition)))
    terms = tf.split(tf.add_n(by_edge), self._num_edges(source), axis=-1)
    if self._num_transitions(source) < self.fused.num_transitions:
      terms = [
        tf.tile(term, [1, 1, 1, self.fused.num_transitions]) for term in terms
      ]
    return terms

  def mix(self, blocks: list[tf.Tensor]) -> tf.Tensor:
    """Sum over transitions, weighted by beta, of the concatenated blocks."""
    num_transitions = self.fused.num_transitions
    if num_transitions == 1:
      return self.inputs.beta[0] * tf.concat(blocks, axis=-1)
    parts = [self._grouped(x, num_transitions) for x in blocks]
    parts = tf.unstack(tf.concat(parts, axis=-1), axis=3)
    betas = tf.unstack(self.inputs.beta)
    return tf.add_n([beta * part for beta, part in zip(betas, parts)])

  def statistics(self) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of every norm, float32 [M, T, E, C]."""
    shape = self.inputs.moving_mean.shape
    if not (self.training and self.recorded):
      return self.inputs.moving_mean, self.inputs.moving_variance
    place = {row: i for i, row in enumerate(self.recorded)}
    shared = self.fused.edges_from[cell_space.PREV_PREV_SOURCE]
    rows = [
      place[m, 0 if edge in shared else t, edge]
      for m, t, edge in np.ndindex(*shape[:3])
    ]
    return tuple(
      tf.reshape(tf.gather(self._channels(x), rows), shape)
      for x in (tf.concat(self.means, 0), tf.concat(self.variances, 0))
    )

  def _linear(self, source: int, state: tf.Tensor) -> list[tf.Tensor]:
    """Weighted sums of skip and pools, as one grouped 1x1 convolution."""
    chosen = [
      k for k, op in enumerate(self.fused.operators) if type(op) in _LINEAR
    ]
    if not chosen:
      return []
    filters, num_edges = self.fused.filters, self._num_edges(source)
    num_transitions = self._num_transitions(source)
    x = [self.fused.operators[k](state, (), None) for k in chosen]
    if num_transitions > 1:
      x = [self._grouped(part, num_transitions) for part in x]
    x = tf.concat(x, axis=-1)  # [B, H, W, (T,) P*C]
    x = self._flat_channels(x)
    edges = self.fused.edges_from[source] * num_transitions
    alpha = tf.gather(tf.gather(self.inputs.op, chosen, axis=1), edges)
    kernel = tf.einsum('np,cd->pcnd', alpha, tf.eye(filters))
    kernel = tf.reshape(
      kernel,
      [1, 1, len(chosen) * filters, num_transitions * num_edges * filters],
    )
    return [tf.nn.conv2d(x, kernel, 1, 'SAME')]

  def _separable(self, source: int, x: tf.Tensor, k: int) -> tf.Tensor:
    """Operator k on all edges of a source, [B, H, W, T*n*C] by edge."""
    operator = self.fused.operators[k]
    weights = [weight[source] for weight in self.weights[k]]
    x = tf.tile(x, [1, 1, 1, self._num_edges(source)])
    for i, (spatial, point) in enumerate(zip(weights[::2], weights[1::2])):
      x = tf.nn.relu(x) if i else x
      x = depthwise.conv2d(x, spatial, operator.primitive.rate)
      x = tf.nn.conv2d(x, point, 1, 'SAME')
      x = self._normalize(source, x, k, i)
    return x

  def _atrous(self, source: int, x: tf.Tensor, k: int) -> tf.Tensor:
    """Operator k, one full convolution: [B, H, W, T*n*C] by transition."""
    kernel = self.weights[k][0][source]
    rate = self.fused.operators[k].primitive.rate
    x = tf.nn.conv2d(x, kernel, 1, 'SAME', dilations=rate)
    return self._normalize(source, x, k, 0)

  def _any(self, source: int, state: tf.Tensor, k: int) -> tf.Tensor:
    """An operator without a fast path: [B, H, W, T*n*C] by edge."""
    operator = self.fused.operators[k]
    states = tf.split(state, self._num_transitions(source), axis=-1)
    outputs = []
    for t, edge in self.by_edge[source]:
      norms = itertools.count(self._first_norm(k))

      def normalize(x, t=t, edge=edge, norms=norms):
        return self._normalize_rows(x, next(norms), [(t, edge)])

      weights = [weight[edge] for weight in self.inputs.weights[k]]
      output = operator(states[t], weights, normalize)
      outputs.append(self.inputs.op[edge, k] * output)
    return tf.concat(outputs, axis=-1)

  def _normalize(self, source: int, x: tf.Tensor, k: int, i: int) -> tf.Tensor:
    """Operator k's norm i on [B, H, W, T*n*C]; the last is scaled by alpha."""
    order = self._order_of(k)
    is_last = i == self.fused.operators[k].num_norms - 1
    scale = self.scales[id(order)][source][k] if is_last else None
    return self._normalize_rows(
      x, self._first_norm(k) + i, order[source], scale
    )

  def _normalize_rows(
    self,
    x: tf.Tensor,
    norm: int,
    rows: list[tuple[int, int]],
    scale: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """Normalises the channels of (transition, edge) pairs and notes how."""
    mean = variance = None
    if not self.training:
      where = [(norm, t, edge) for t, edge in rows]
      mean, variance = (
        tf.reshape(tf.gather_nd(moving, where), [-1])
        for moving in (self.inputs.moving_mean, self.inputs.moving_variance)
      )
    channels = [len(rows) * self.fused.filters]
    scale = tf.ones(channels) if scale is None else scale
    x, mean, variance = batch_norm.normalize(
      x, mean, variance, scale, tf.zeros(channels), self.training
    )
    self.recorded += [(norm, t, edge) for t, edge in rows]
    self.means.append(mean)
    self.variances.append(variance)
    return x

  @property
  def _sources(self) -> range:
    return range(len(self.fused.edges_from))

  def _num_edges(self, source: int) -> int:
    return len(self.fused.edges_from[source])

  def _num_transitions(self, source: int) -> int:
    is_shared = source == cell_space.PREV_PREV_SOURCE
    return 1 if is_shared else self.fused.num_transitions

  def _rows(self, source: int, by_edge: bool) -> list[tuple[int, int]]:
    """(transition, edge) of each C channels of a source's tensors."""
    edges = self.fused.edges_from[source]
    transitions = range(self._num_transitions(source))
    if by_edge:
      return [(t, edge) for edge in edges for t in transitions]
    return [(t, edge) for t in transitions for edge in edges]

  def _order_of(self, k: int) -> list[list[tuple[int, int]]]:
    is_full = type(self.fused.operators[k]) is ops.AtrousConv
    return self.by_transition if is_full else self.by_edge

  def _first_norm(self, k: int) -> int:
    """Number of operator k's first norm among those of the cell."""
    return sum(operator.num_norms for operator in self.fused.operators[:k])

  def _laid_out(
    self, weight: tf.Tensor, order: list[list[tuple[int, int]]]
  ) -> list[tf.Tensor]:
    """For each source [..., T*n*C], from the weight of all edges [E, ..., C].

    The transitions share their weights, so edges are repeated.
    """
    weight = tf.gather(weight, [edge for rows in order for _, edge in rows])
    rank = weight.shape.rank
    weight = tf.transpose(weight, [*range(1, rank - 1), 0, rank - 1])
    sizes = [len(rows) * self.fused.filters for rows in order]
    weight = tf.reshape(weight, [*weight.shape[:-2], sum(sizes)])
    return tf.split(weight, sizes, axis=-1)

  def _scales(self, order: list[list[tuple[int, int]]]) -> list[list]:
    """alpha, repeated over channels: [source][k] -> [T*n*C]."""
    ones = tf.ones([self.fused.filters])
    alpha = self.inputs.op[..., tf.newaxis] * ones  # [E, K, C]
    return [tf.unstack(scale) for scale in self._laid_out(alpha, order)]

  def _grouped(self, x: tf.Tensor, groups: int) -> tf.Tensor:
    """[B, H, W, groups, C] from [B, H, W, groups * C]."""
    return tf.reshape(x, [*shapes.of(x)[:3], groups, x.shape[-1] // groups])

  def _flat_channels(self, x: tf.Tensor) -> tf.Tensor:
    """[B, H, W, N] from [B, H, W, ...]."""
    return tf.reshape(x, [*shapes.of(x)[:3], np.prod(x.shape[3:])])

  def _channels(self, x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, [-1, self.fused.filters])

  def _reordered(self, source: int, x: tf.Tensor) -> tf.Tensor:
    """[B, H, W, T*n*C] from by transition to by edge."""
    num_transitions = self._num_transitions(source)
    if num_transitions == 1:
      return x
    num_edges, filters = self._num_edges(source), self.fused.filters
    shape = [*shapes.of(x)[:3], num_transitions, num_edges, filters]
    x = tf.transpose(tf.reshape(x, shape), [0, 1, 2, 4, 3, 5])
    return self._flat_channels(x)


_LINEAR = (ops.Skip, ops.MaxPool, ops.AvgPool)
_SEPARABLE = (ops.SeparableConv, ops.DilatedConv)

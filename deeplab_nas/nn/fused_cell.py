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

Channels of a source's tensors are ordered (transition, edge, channel).

Equality with the reference: tests/nn/fused_cell_test.py. Gain: see
g3doc/performance.md.
"""

from __future__ import annotations

import functools
import itertools

import tensorflow as tf

from deeplab_nas.nn import batch_norm, depthwise, mixed_op, ops
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
    self._infer = _shared_function(self._inference)
    self._forward = _shared_function(self._training)
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

  def _inference(self, inputs: mixed_op.CellInputs) -> mixed_op.CellOutputs:
    return self._compute(inputs, training=False)

  def _training(self, inputs: mixed_op.CellInputs) -> mixed_op.CellOutputs:
    return self._compute(inputs, training=True)

  def _gradients(
    self, inputs: mixed_op.CellInputs, output_gradient: tf.Tensor
  ) -> mixed_op.CellInputs:
    """Gradients for all inputs but the moving statistics (None)."""
    learnt = inputs._replace(moving_mean=None, moving_variance=None)
    flat = [x for x in tf.nest.flatten(learnt) if x is not None]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(flat)
      output = self._compute(inputs, training=True).output
    gradients = iter(
      tape.gradient(output, flat, output_gradient, unconnected_gradients='zero')
    )
    return tf.nest.map_structure(
      lambda x: None if x is None else tf.convert_to_tensor(next(gradients)),
      learnt,
    )

  def _compute(
    self, inputs: mixed_op.CellInputs, training: bool
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


@functools.lru_cache(maxsize=None)
def for_shape(
  cell: cell_space.CellSpace, filters: int, num_transitions: int
) -> FusedCell:
  """The one fast path that all nodes of this shape call."""
  return FusedCell(cell, filters, num_transitions)


def _shared_function(function):
  # Inlined into the graph of 45 cells, it would be traced once but optimised
  # 45 times, and the recomputation would be merged with the forward pass.
  return tf.function(
    function, autograph=False, experimental_attributes={'_noinline': True}
  )


class _Walk:
  """One pass over a cell's sources, with the weights laid out for it."""

  def __init__(
    self, fused: FusedCell, inputs: mixed_op.CellInputs, training: bool
  ):
    self.fused = fused
    self.inputs = inputs
    self.training = training
    self.order = list(itertools.chain(*fused.edges_from))
    self.counts = [len(edges) for edges in fused.edges_from]
    self.op = self._by_source(inputs.op, axis=0)  # a source's [n, K]
    self.weights = [
      [self._laid_out(weight) for weight in group] for group in inputs.weights
    ]  # [operator][weight][source], [..., n*C]
    self.moving = [
      self._by_source(x, axis=2)
      for x in (inputs.moving_mean, inputs.moving_variance)
    ]  # a source's [M, T, n, C]
    self.means = [[] for _ in fused.edges_from]  # [source][norm]: [T*n*C]
    self.variances = [[] for _ in fused.edges_from]

  def leave(self, source: int, state: tf.Tensor) -> list[tf.Tensor]:
    """What a state contributes to each block that reads it.

    Args:
      source: Number of the state.
      state: float32 [B, H, W, T*C], or [B, H, W, C] for prev_prev.

    Returns:
      For each edge from the source, float32 [B, H, W, T*C].
    """
    active = tf.nn.relu(state)
    sums = self._linear(source, state)
    for k, operator in enumerate(self.fused.operators):
      if type(operator) in (ops.SeparableConv, ops.DilatedConv):
        sums.append(self._separable(source, active, k))
      elif type(operator) is ops.AtrousConv:
        sums.append(self._atrous(source, active, k))
      elif type(operator) not in (*_LINEAR, ops.NoConnection):
        sums.append(self._any(source, state, k))
    return self._edges(source, tf.add_n(sums))

  def mix(self, blocks: list[tf.Tensor]) -> tf.Tensor:
    """Sum over transitions, weighted by beta, of the concatenated blocks."""
    num_transitions = self.fused.num_transitions
    blocks = [
      tf.split(block, num_transitions, axis=-1) for block in blocks
    ]  # [block][transition]
    return tf.add_n([
      self.inputs.beta[t] * tf.concat([block[t] for block in blocks], -1)
      for t in range(num_transitions)
    ])

  def statistics(self) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of every norm, float32 [M, T, E, C]."""
    if not (self.training and self.means[0]):
      return self.inputs.moving_mean, self.inputs.moving_variance
    return self._by_edge(self.means), self._by_edge(self.variances)

  def _transitions(self, source: int) -> int:
    return 1 if source == cell_space.PREV_PREV_SOURCE else self.fused.num_transitions

  def _linear(self, source: int, state: tf.Tensor) -> list[tf.Tensor]:
    """Weighted sums of skip and pools, as one grouped 1x1 convolution."""
    chosen = [
      k
      for k, operator in enumerate(self.fused.operators)
      if type(operator) in _LINEAR
    ]
    if not chosen:
      return []
    n, filters = self.counts[source], self.fused.filters
    x = [self.fused.operators[k](state, (), None) for k in chosen]
    x = self._interleave(x, self._transitions(source))  # [B, H, W, T*P*C]
    alpha = tf.gather(self.op[source], chosen, axis=1)  # [n, P]
    kernel = tf.einsum('np,cd->pcnd', alpha, tf.eye(filters))
    kernel = tf.reshape(kernel, [1, 1, len(chosen) * filters, n * filters])
    return [tf.nn.conv2d(x, self._tiled(kernel, source), 1, 'SAME')]

  def _separable(self, source: int, x: tf.Tensor, k: int) -> tf.Tensor:
    """Operator k, separable, on all edges of a source: [B, H, W, T*n*C]."""
    operator = self.fused.operators[k]
    weights = [self._tiled(w[source], source) for w in self.weights[k]]
    x = self._interleave([x] * self.counts[source], self._transitions(source))
    last = len(weights) // 2 - 1
    for i, (spatial, pointwise) in enumerate(zip(weights[::2], weights[1::2])):
      x = tf.nn.relu(x) if i else x
      x = depthwise.conv2d(x, spatial, operator.primitive.rate)
      x = tf.nn.conv2d(x, pointwise, 1, 'SAME')
      x = self._normalize(source, x, k, i, scaled=i == last)
    return x

  def _atrous(self, source: int, x: tf.Tensor, k: int) -> tf.Tensor:
    """Operator k, a full convolution: one group per transition."""
    kernel = self._tiled(self.weights[k][0][source], source)
    rate = self.fused.operators[k].primitive.rate
    x = tf.nn.conv2d(x, kernel, 1, 'SAME', dilations=rate)
    return self._normalize(source, x, k, 0, scaled=True)

  def _any(self, source: int, state: tf.Tensor, k: int) -> tf.Tensor:
    """An operator without a fast path, edge by edge: [B, H, W, T*n*C]."""
    operator = self.fused.operators[k]
    edges = self.fused.edges_from[source]
    norms = range(self._norm(k), self._norm(k) + operator.num_norms)
    used = {norm: [] for norm in norms}  # (mean, variance) by (t, edge)
    outputs = []
    for t, x in enumerate(tf.split(state, self._transitions(source), axis=-1)):
      for row, edge in enumerate(edges):
        upcoming = iter(norms)

        def normalize(x, t=t, row=row, upcoming=upcoming):
          norm = next(upcoming)
          mean, variance = (m[source][norm, t, row] for m in self.moving)
          x, *statistics = batch_norm.normalize(
            x, mean, variance, tf.ones_like(mean), tf.zeros_like(mean),
            self.training,
          )
          used[norm].append(statistics)
          return x

        weights = [weight[edge] for weight in self.inputs.weights[k]]
        output = operator(x, weights, normalize)
        outputs.append(self.inputs.op[edge, k] * output)
    for statistics in used.values():
      self._record(source, *(tf.concat(x, axis=0) for x in zip(*statistics)))
    return tf.concat(outputs, axis=-1)

  def _normalize(
    self, source: int, x: tf.Tensor, k: int, i: int, scaled: bool
  ) -> tf.Tensor:
    """Operator k's norm i on [B, H, W, T*n*C], times alpha if scaled."""
    num_transitions = self._transitions(source)
    mean, variance = (
      tf.reshape(m[source][self._norm(k) + i, :num_transitions], [-1])
      for m in self.moving
    )
    scale = tf.ones_like(mean)
    if scaled:
      alpha = tf.repeat(self.op[source][:, k], self.fused.filters)  # [n*C]
      scale = tf.tile(alpha, [num_transitions])
    x, mean, variance = batch_norm.normalize(
      x, mean, variance, scale, tf.zeros_like(mean), self.training
    )
    self._record(source, mean, variance)
    return x

  def _norm(self, k: int) -> int:
    """Number of operator k's first norm among those of the cell."""
    return sum(operator.num_norms for operator in self.fused.operators[:k])

  def _record(self, source: int, mean: tf.Tensor, variance: tf.Tensor) -> None:
    self.means[source].append(mean)
    self.variances[source].append(variance)

  def _interleave(
    self, parts: list[tf.Tensor], num_transitions: int
  ) -> tf.Tensor:
    """[B, H, W, T*N*C] from N tensors [B, H, W, T*C]."""
    if num_transitions == 1:
      return tf.concat(parts, axis=-1)
    split = [tf.split(part, num_transitions, axis=-1) for part in parts]
    return tf.concat([x for group in zip(*split) for x in group], axis=-1)

  def _edges(self, source: int, x: tf.Tensor) -> list[tf.Tensor]:
    """Takes [B, H, W, T*n*C] apart: for each edge [B, H, W, T*C]."""
    n, num_transitions = self.counts[source], self._transitions(source)
    parts = tf.split(x, num_transitions * n, axis=-1)  # (transition, edge)
    if num_transitions == 1:
      copies = self.fused.num_transitions
      return [tf.concat([part] * copies, axis=-1) for part in parts]
    return [tf.concat(parts[edge::n], axis=-1) for edge in range(n)]

  def _laid_out(self, weight: tf.Tensor) -> list[tf.Tensor]:
    """For each source [..., n*C], from the weight of all edges [E, ..., C]."""
    weight = tf.gather(weight, self.order)
    rank = weight.shape.rank
    axes = [*range(1, rank - 1), 0, rank - 1]
    weight = tf.transpose(weight, axes)  # [..., E, C]
    filters = self.fused.filters
    weight = tf.reshape(weight, [*weight.shape[:-2], -1])
    return tf.split(weight, [n * filters for n in self.counts], axis=-1)

  def _tiled(self, kernel: tf.Tensor, source: int) -> tf.Tensor:
    """[..., T*n*C] from [..., n*C]: the transitions share their weights."""
    return tf.concat([kernel] * self._transitions(source), axis=-1)

  def _by_source(self, x: tf.Tensor, axis: int) -> list[tf.Tensor]:
    """Takes an axis of edges apart by their source."""
    return tf.split(tf.gather(x, self.order, axis=axis), self.counts, axis=axis)

  def _by_edge(self, used: list[list[tf.Tensor]]) -> tf.Tensor:
    """Joins statistics, [source][norm] -> [T*n*C], to [M, T, E, C]."""
    num_transitions, filters = self.fused.num_transitions, self.fused.filters
    parts = []
    for source, norms in enumerate(used):
      shape = [len(norms), self._transitions(source), -1, filters]
      part = tf.reshape(tf.stack(norms), shape)  # [M, 1 or T, n, C]
      if self._transitions(source) < num_transitions:
        part = tf.tile(part, [1, num_transitions, 1, 1])
      parts.append(part)
    inverse = sorted(range(len(self.order)), key=self.order.__getitem__)
    return tf.gather(tf.concat(parts, axis=2), inverse, axis=2)


_LINEAR = (ops.Skip, ops.MaxPool, ops.AvgPool)

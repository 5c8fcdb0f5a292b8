"""The fast path of a relaxed cell: the same function as `ReferenceNode`.

Three rearrangements, none of which changes what is computed:

1. **Transitions on the channel axis.** The inputs of a node's T transitions
   lie side by side, [B, H, W, T*C], with the shared weights repeated T times.
   Batch norm works per channel, so one normalisation gives each transition its
   own statistics. What reads only `prev_prev` is the same for all transitions
   and is computed once: it lies beside those of `prev`, [B, H, W, (T+1)*C].
2. **Group by group.** All n edges that leave a block, or the cell's inputs, can
   be computed at once: one ReLU and, per primitive, one depthwise convolution,
   one grouped 1x1 convolution and one batch norm serve them all. A weight alpha
   multiplies a normalised tensor, so it *is* that norm's scale. Skip and pools
   are computed once per source; their weighted sums for all its edges are one
   product of matrices, [n, P] by [P, B*H*W*T*C]. The sum over transitions
   weighted by beta is one 1x1 convolution.
3. **One traced function per shape, recomputed backwards.** All nodes of the
   same shape call the same graph functions. The gradient's recomputes the node,
   so that only a node's inputs are stored; that of an architecture step leaves
   out the gradients of weights.

Equality with the reference: tests/nn/supernet/fused_node_test.py. Gain: see
g3doc/performance.md.
"""

from __future__ import annotations

import functools
import itertools

import tensorflow as tf

from deeplab_nas.nn.kernels import (
  atrous,
  conv_gradients,
  depthwise,
  graph_ops,
  phases,
  replicas,
  shapes,
  weighted_sums,
)
from deeplab_nas.nn.supernet import (
  edge_groups,
  fused_kernels,
  fused_norms,
  partial_channels,
  reference_node,
)
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet.layout import Input, Part
from deeplab_nas.nn.supernet.operators import FastPath


class FusedNode:
  """A node, sum_t beta_t Cell(prev_t, prev_prev; alpha), fast.

  Use `for_shape`, which hands all nodes of one shape the same object.
  """

  def __init__(self, shape: layout_lib.NodeShape):
    self.shape = shape
    self.layout = layout_lib.make(shape)
    self._infer = _shared_function(functools.partial(self._compute, False))
    self._stored = _shared_function(
      graph_ops.unrecorded(functools.partial(self._compute, True))
    )
    self._forward = _shared_function(
      graph_ops.recorded(functools.partial(self._compute, True))
    )
    self._backward = _shared_function(graph_ops.recorded(self._gradients))

  def __call__(
    self,
    inputs: reference_node.NodeInputs,
    size: tuple[int, int] | tf.Tensor,
    phase: phases.Phase,
    recompute: bool = True,
  ) -> reference_node.NodeOutputs:
    """Computes a node; see `Cell.call`.

    Args:
      inputs: What the node depends on.
      size: Height and width of the node.
      phase: What the pass is for; whether statistics move is up to the caller.
      recompute: Whether to store the inputs alone for the gradient.
    """
    if not phase.training:
      return self._infer(inputs, size)
    if replicas.norms_are_synchronized():
      # Replicas cannot meet inside of a function of the graph.
      return self._compute(True, inputs, size)
    if not recompute:
      return self._stored(inputs, size)

    statistics = []

    def recomputed(*flat):
      inputs_ = tf.nest.pack_sequence_as(inputs, flat)
      output, *statistics[:] = self._forward(inputs_, size)

      def gradients(g):
        return tf.nest.flatten(
          self._backward(inputs_, size, g, phase.weights_learn)
        )

      return output, gradients

    output = graph_ops.call(recomputed, *tf.nest.flatten(inputs), always=True)
    return reference_node.NodeOutputs(output, *statistics)

  def _gradients(
    self,
    inputs: reference_node.NodeInputs,
    size: tuple[int, int] | tf.Tensor,
    output_gradient: tf.Tensor,
    weights_learn: bool,
  ) -> reference_node.NodeInputs:
    """Gradients for the inputs, None for those that are not learnt."""
    learnt = inputs._replace(moving_mean=None, moving_variance=None)
    if not weights_learn:
      learnt = learnt._replace(weights=None)
    flat = [x for x in tf.nest.flatten(learnt) if x is not None]
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(flat)
      output = self._compute(True, inputs, size).output
    gradients = iter(
      tape.gradient(output, flat, output_gradient, unconnected_gradients='zero')
    )
    return tf.nest.map_structure(
      lambda x: None if x is None else tf.convert_to_tensor(next(gradients)),
      learnt,
    )

  def _compute(
    self,
    training: bool,
    inputs: reference_node.NodeInputs,
    size: tuple[int, int] | tf.Tensor,
  ) -> reference_node.NodeOutputs:
    cell = self.shape.cell
    walk = _Walk(self.layout, inputs, training)
    states = [walk.enter(size)]
    terms = [[] for _ in range(cell.num_blocks)]  # of each block's sum
    for i, group in enumerate(self.layout.groups):
      for edge, of_edge in zip(group.edges, walk.leave(i, states[i])):
        terms[cell.edges[edge].block].extend(of_edge)
      states.append(walk.block(i, terms[i]))
    output = walk.mix(states[1:])
    return reference_node.NodeOutputs(output, *walk.norms.statistics())


@functools.cache
def for_shape(shape: layout_lib.NodeShape) -> FusedNode:
  """The one fast path that all nodes of this shape call."""
  return FusedNode(shape)


def is_supported(dtype: tf.DType = tf.float32) -> bool:
  """Whether this machine has gradients of grouped convolutions."""
  return conv_gradients.exist(dtype, groups=2)


def _shared_function(function):
  # Inlined into the graph of 45 cells, it would be traced once but optimised
  # 45 times, and the recomputation would be merged with the forward pass.
  return tf.function(
    function, autograph=False, experimental_attributes={'_noinline': True}
  )


class _Walk:
  """One pass over a node's groups of edges, with the weights laid out for it.

  Computes in the dtype of the node's inputs.

  A group's state is [B, H, W, S*C]: T transitions of a block, or those of prev
  and prev_prev, S = T + 1. Tensors of its n blocks have channels in one of two
  orders:
  - by edge: (block, state, channel), which tiling a state and splitting a sum
    into its edges need no transposing for;
  - by state: (state, block, channel), which full convolutions make, one group
    for each.

  With partial channels, an edge's terms have C/K channels where C is said below
  and all happens as ever between `leave` and `block`.
  """

  def __init__(
    self,
    layout: layout_lib.Layout,
    inputs: reference_node.NodeInputs,
    training: bool,
  ):
    self.layout = layout
    self.inputs = inputs
    self.filters = layout.shape.mixed_filters
    self.operators = layout.operators
    self.norms = fused_norms.Norms(layout, inputs, training)
    self.weights = layout.unpack(
      tf.cast(inputs.weights, inputs.prev_prev.dtype),
      layout.shape.num_transitions,
    )
    self.linear_weights = fused_kernels.of_linear(layout, inputs)
    self.bypass = partial_channels.bypass(layout.shape, inputs.op)

  def enter(self, size: tuple[int, int] | tf.Tensor) -> tf.Tensor:
    """The node's inputs at its stride, [B, H, W, (T+1)*C]."""
    shape = self.layout.shape
    resamples = (*shape.prevs, shape.prev_prev)
    inputs = (*self.inputs.prevs, self.inputs.prev_prev)
    keys = [Input(t) for t in range(len(resamples))]
    states = [
      resample(x, self.weights[key], size)
      for key, resample, x in zip(keys, resamples, inputs)
    ]
    return self.norms.normalize(graph_ops.concat_channels(states), keys)

  def leave(self, i: int, state: tf.Tensor) -> list[list[tf.Tensor]]:
    """What a state contributes to each block that reads it.

    Args:
      i: Number of its group.
      state: [B, H, W, S*C].

    Returns:
      For each of the group's edges, tensors [B, H, W, T*C] to be added up.
    """
    if self.bypass:
      state = self.bypass.split(i, state)
    group = self.layout.groups[i]
    active = tf.nn.relu(state)
    tiled = graph_ops.tile_channels(active, group.num_blocks)
    by_edge, by_state = [], []
    for k, operator in enumerate(self.operators):
      if operator.fast_path is FastPath.SEPARABLE:
        by_edge.append(self._separable(i, tiled, k))
      elif operator.fast_path is FastPath.FULL:
        by_state.append(self._atrous(i, active, k))
      elif operator.fast_path is FastPath.BY_EDGE:
        by_edge.append(self._any(i, state, k))
    if by_state:
      by_edge.append(self._reordered(i, tf.add_n(by_state)))
    parts = [self._linear(group, state)]
    if by_edge:
      sizes = [self._num_channels(edge) for edge in group.edges]
      parts.append(graph_ops.split(tf.add_n(by_edge), sizes))
    terms = zip(*filter(None, parts))
    return [
      self._for_all_transitions(edge, list(of_edge))
      for edge, of_edge in zip(group.edges, terms)
    ]

  def block(self, block: int, terms: list[tf.Tensor]) -> tf.Tensor:
    """A block, [B, H, W, T*C], from what its edges contribute."""
    mixed = tf.add_n(terms)
    return self.bypass.join(block, mixed) if self.bypass else mixed

  def mix(self, blocks: list[tf.Tensor]) -> tf.Tensor:
    """Sum over transitions, weighted by beta, of the concatenated blocks."""
    x = graph_ops.concat_channels(blocks)  # [B, H, W, num_blocks*T*C]
    num_transitions = self.layout.shape.num_transitions
    if num_transitions == 1:
      return tf.cast(self.inputs.beta[0], x.dtype) * x
    kernel = fused_kernels.of_transitions(self.layout, self.inputs)
    return graph_ops.conv2d(x, kernel)

  def _linear(
    self, group: edge_groups.Group, state: tf.Tensor
  ) -> list[tf.Tensor]:
    """Weighted sums of skip and pools for each edge of a group."""
    if not self.linear_weights:
      return []
    sums = []  # for each source, block after block
    for source, x in zip(group.sources, self._by_source(group, state)):
      parts = [self.operators[k](x, (), None) for k in self.layout.linear]
      sums.append(weighted_sums.compute(parts, self.linear_weights[source]))
    return list(itertools.chain(*zip(*sums)))

  def _separable(self, i: int, x: tf.Tensor, k: int) -> tf.Tensor:
    """Operator k on all edges of a group, [B, H, W, n*S*C] by edge."""
    operator = self.operators[k]
    rate = operator.primitive.rate
    for j in range(operator.num_norms):
      spatial = self.weights[Part(k, 2 * j, i)]
      point = self.weights[Part(k, 2 * j + 1, i)]
      x = tf.nn.relu(x) if j else x
      x = depthwise.conv2d(x, spatial, rate)
      x = graph_ops.conv2d(x, point)
      x = self.norms.normalize(x, [Part(k, j, i)])
    return x

  def _atrous(self, i: int, x: tf.Tensor, k: int) -> tf.Tensor:
    """Operator k, one full convolution: [B, H, W, S*n*C] by state."""
    kernel = self.weights[Part(k, 0, i)]
    rate = self.operators[k].primitive.rate
    kernel = atrous.cropped(kernel, x, rate)
    num_transitions = self.layout.shape.num_transitions
    kernel = self.layout.groups[i].repeated(kernel, num_transitions)
    x = graph_ops.conv2d(x, kernel, dilations=rate)
    return self.norms.normalize(x, [Part(k, 0, i)])

  def _any(self, i: int, state: tf.Tensor, k: int) -> tf.Tensor:
    """An operator without a fast path: [B, H, W, n*S*C] by edge."""
    operator = self.operators[k]
    group = self.layout.groups[i]
    states = itertools.cycle(self._by_source(group, state))
    outputs = []
    for edge, state in zip(group.edges, states):
      weights = self.layout.of_edge(self.weights, k, edge)
      num_transitions = self.layout.num_transitions(edge)
      for t, x in enumerate(tf.split(state, num_transitions, axis=-1)):
        norms = itertools.count()

        def normalize(x, t=t, edge=edge, norms=norms):
          return self.norms.normalize_row(x, Part(k, next(norms), i), t, edge)

        output = operator(x, weights, normalize)
        outputs.append(tf.cast(self.inputs.op[edge, k], x.dtype) * output)
    return tf.concat(outputs, axis=-1)

  def _num_channels(self, edge: int) -> int:
    """T*C, or C from prev_prev."""
    return self.layout.num_transitions(edge) * self.filters

  def _by_source(
    self, group: edge_groups.Group, state: tf.Tensor
  ) -> list[tf.Tensor]:
    """[B, H, W, T*C] of prev or a block; for group 0 [B, H, W, C] as well."""
    sizes = [self._num_channels(edges[0]) for edges in group.by_source]
    return graph_ops.split(state, sizes)

  def _for_all_transitions(
    self, edge: int, terms: list[tf.Tensor]
  ) -> list[tf.Tensor]:
    """The terms of an edge, [B, H, W, T*C] from prev_prev too."""
    num_transitions = self.layout.shape.num_transitions
    repeats = num_transitions // self.layout.num_transitions(edge)
    if repeats == 1:
      return terms
    return [graph_ops.tile_channels(tf.add_n(terms), repeats)]

  def _reordered(self, i: int, x: tf.Tensor) -> tf.Tensor:
    """[B, H, W, n*S*C] from by state to by edge."""
    num_blocks = self.layout.groups[i].num_blocks
    num_states = x.shape[-1] // (num_blocks * self.filters)
    if num_states == 1:
      return x
    shape = [
      *shapes.dims(x)[:3],
      num_states,
      num_blocks,
      self.filters,
    ]
    x = tf.transpose(tf.reshape(x, shape), [0, 1, 2, 4, 3, 5])
    return shapes.flat_channels(x)

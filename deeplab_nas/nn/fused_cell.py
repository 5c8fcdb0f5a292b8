"""The fast path of a relaxed cell: the same function as `ReferenceNode`.

Three rearrangements, none of which changes what is computed:

1. **Transitions on the channel axis.** The inputs of a node's T transitions
   lie side by side, [B, H, W, T*C], with the shared weights repeated T times.
   Batch norm works per channel, so one normalisation gives each transition its
   own statistics. What reads only `prev_prev` is the same for all transitions
   and is computed once.
2. **Source by source.** All n edges that leave a state read the same tensor:
   one ReLU and, per primitive, one depthwise convolution, one grouped 1x1
   convolution and one batch norm serve them all. A weight alpha multiplies a
   normalised tensor, so it *is* that norm's scale. Skip and pools are computed
   once per source; their weighted sums for all edges are one product of
   matrices, [n, P] by [P, B*H*W*T*C]. The sum over transitions weighted by beta
   is one 1x1 convolution.
3. **One traced function per shape, recomputed backwards.** All nodes of the
   same shape call the same graph functions. The gradient's recomputes the node,
   so that only a node's inputs are stored; that of an architecture step leaves
   out the gradients of weights.

Equality with the reference: tests/nn/fused_cell_test.py. Gain: see
g3doc/performance.md.
"""

from __future__ import annotations

import functools
import itertools

import tensorflow as tf

from deeplab_nas.nn import (
  atrous,
  conv_gradients,
  depthwise,
  fused_kernels,
  fused_norms,
  lean,
  mixed_op,
  node_layout,
  ops,
  partial_channels,
  replicas,
  shapes,
  weighted_sums,
)
from deeplab_nas.nn.node_layout import Input, Part


class FusedNode:
  """A node, sum_t beta_t Cell(prev_t, prev_prev; alpha), fast.

  Use `for_shape`, which hands all nodes of one shape the same object.
  """

  def __init__(self, shape: node_layout.NodeShape):
    self.shape = shape
    self.layout = node_layout.of(shape)
    self._infer = _shared_function(functools.partial(self._compute, False))
    self._stored = _shared_function(functools.partial(self._compute, True))
    self._forward = _shared_function(
      lean.recorded(functools.partial(self._compute, True))
    )
    self._backward = _shared_function(lean.recorded(self._gradients))

  def __call__(
    self,
    inputs: mixed_op.NodeInputs,
    size: tuple[int, int] | tf.Tensor,
    training: bool,
    learning: bool = True,
    recompute: bool = True,
  ) -> mixed_op.NodeOutputs:
    """Computes a node; see `Cell.call`.

    Args:
      inputs: What the node depends on.
      size: Height and width of the node.
      training: Whether to normalise with the batch's statistics.
      learning: Whether the weights have a gradient.
      recompute: Whether to store the inputs alone for the gradient.
    """
    if not training:
      return self._infer(inputs, size)
    if replicas.norms_are_synchronized():
      # Replicas cannot meet inside of a function of the graph.
      return self._compute(True, inputs, size)
    if not recompute:
      return self._stored(inputs, size)

    @tf.custom_gradient
    def recomputed(*flat):
      inputs_ = tf.nest.pack_sequence_as(inputs, flat)

      def gradients(output_gradient, *_):
        result = self._backward(inputs_, size, output_gradient, learning)
        return tf.nest.flatten(result)

      return tuple(self._forward(inputs_, size)), gradients

    return mixed_op.NodeOutputs(*recomputed(*tf.nest.flatten(inputs)))

  def _gradients(
    self,
    inputs: mixed_op.NodeInputs,
    size: tuple[int, int] | tf.Tensor,
    output_gradient: tf.Tensor,
    learning: bool,
  ) -> mixed_op.NodeInputs:
    """Gradients for the inputs, None for those that are not learnt."""
    learnt = inputs._replace(moving_mean=None, moving_variance=None)
    if not learning:
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
    inputs: mixed_op.NodeInputs,
    size: tuple[int, int] | tf.Tensor,
  ) -> mixed_op.NodeOutputs:
    cell = self.shape.cell
    walk = _Walk(self.layout, inputs, training)
    states = walk.enter(size)
    terms = [[] for _ in range(cell.num_blocks)]  # of each block's sum
    for source, edges in enumerate(self.layout.edges_from):
      if source >= 2:
        states.append(walk.block(source - 2, terms[source - 2]))
      for edge, of_edge in zip(edges, walk.leave(source, states[source])):
        terms[cell.edges[edge].block].extend(of_edge)
    blocks = states[2:] + [walk.block(cell.num_blocks - 1, terms[-1])]
    return mixed_op.NodeOutputs(walk.mix(blocks), *walk.norms.statistics())


@functools.cache
def for_shape(shape: node_layout.NodeShape) -> FusedNode:
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
  """One pass over a node's sources, with the weights laid out for it.

  Computes in the dtype of the node's inputs.

  Tensors of a source's n edges have channels in one of two orders:
  - by edge: (edge, transition, channel), which tiling a state and splitting a
    sum into its edges need no transposing for;
  - by transition: (transition, edge, channel), which full convolutions make,
    one group for each transition.

  With partial channels, an edge's terms have C/K channels where C is said below
  and all happens as ever between `leave` and `block`.
  """

  def __init__(
    self,
    layout: node_layout.Layout,
    inputs: mixed_op.NodeInputs,
    training: bool,
  ):
    self.layout = layout
    self.inputs = inputs
    self.filters = layout.shape.mixed_filters
    self.operators = layout.operators
    self.norms = fused_norms.Norms(layout, inputs, training)
    self.weights = fused_kernels.laid_out(layout, inputs)
    self.linear_weights = fused_kernels.of_linear(layout, inputs)
    self.bypass = partial_channels.bypass(layout.shape, inputs.op)

  def enter(self, size: tuple[int, int] | tf.Tensor) -> list[tf.Tensor]:
    """The node's inputs at its stride: [B, H, W, T*C] and [B, H, W, C]."""
    shape = self.layout.shape
    resamples = (*shape.prevs, shape.prev_prev)
    inputs = (*self.inputs.prevs, self.inputs.prev_prev)
    *prevs, prev_prev = (
      resample(x, self.weights[Input(t)], size)
      for t, (resample, x) in enumerate(zip(resamples, inputs))
    )
    keys = [Input(t) for t in range(len(resamples))]
    prev = lean.concat_channels(prevs)
    return [
      self.norms.normalize(prev, keys[:-1]),
      self.norms.normalize(prev_prev, keys[-1:]),
    ]

  def leave(self, source: int, state: tf.Tensor) -> list[list[tf.Tensor]]:
    """What a state contributes to each block that reads it.

    Args:
      source: Number of the state.
      state: [B, H, W, T*C], or [B, H, W, C] for prev_prev.

    Returns:
      For each edge from the source, tensors [B, H, W, T*C] to be added up.
    """
    if self.bypass:
      state = self.bypass.split(source, state)
    num_edges = len(self.layout.edges_from[source])
    active = tf.nn.relu(state)
    tiled = lean.tile_channels(active, num_edges)
    by_edge, by_transition = [], []
    for k, operator in enumerate(self.operators):
      if type(operator) in ops.SEPARABLE:
        by_edge.append(self._separable(source, tiled, k))
      elif type(operator) is ops.AtrousConv:
        by_transition.append(self._atrous(source, active, k))
      elif type(operator) not in (*ops.LINEAR, ops.NoConnection):
        by_edge.append(self._any(source, state, k))
    if by_transition:
      by_edge.append(self._reordered(source, tf.add_n(by_transition)))
    parts = [self._linear(source, state)]
    if by_edge:
      parts.append(lean.split_channels(tf.add_n(by_edge), num_edges))
    terms = [list(of_edge) for of_edge in zip(*filter(None, parts))]
    repeats = self.layout.shape.num_transitions // self._transitions(source)
    if repeats > 1:
      terms = [[lean.tile_channels(tf.add_n(x), repeats)] for x in terms]
    return terms

  def block(self, block: int, terms: list[tf.Tensor]) -> tf.Tensor:
    """A block, [B, H, W, T*C], from what its edges contribute."""
    mixed = tf.add_n(terms)
    return self.bypass.join(block, mixed) if self.bypass else mixed

  def mix(self, blocks: list[tf.Tensor]) -> tf.Tensor:
    """Sum over transitions, weighted by beta, of the concatenated blocks."""
    x = lean.concat_channels(blocks)  # [B, H, W, num_blocks*T*C]
    num_transitions = self.layout.shape.num_transitions
    if num_transitions == 1:
      return tf.cast(self.inputs.beta[0], x.dtype) * x
    kernel = fused_kernels.of_transitions(self.layout, self.inputs)
    return lean.conv2d(x, kernel)

  def _linear(self, source: int, state: tf.Tensor) -> list[tf.Tensor]:
    """Weighted sums of skip and pools for each edge, [B, H, W, T*C]."""
    if not self.linear_weights:
      return []
    parts = [self.operators[k](state, (), None) for k in self.layout.linear]
    return weighted_sums.of(parts, self.linear_weights[source])

  def _separable(self, source: int, x: tf.Tensor, k: int) -> tf.Tensor:
    """Operator k on all edges of a source, [B, H, W, T*n*C] by edge."""
    operator = self.operators[k]
    rate = operator.primitive.rate
    for i in range(operator.num_norms):
      spatial = self.weights[Part(k, 2 * i, source)]
      point = self.weights[Part(k, 2 * i + 1, source)]
      x = tf.nn.relu(x) if i else x
      x = depthwise.conv2d(x, spatial, rate)
      x = lean.conv2d(x, point)
      x = self.norms.normalize(x, [Part(k, i, source)])
    return x

  def _atrous(self, source: int, x: tf.Tensor, k: int) -> tf.Tensor:
    """Operator k, one full convolution: [B, H, W, T*n*C] by transition."""
    kernel = self.weights[Part(k, 0, source)]
    rate = self.operators[k].primitive.rate
    kernel = atrous.cropped(kernel, x, rate)
    kernel = lean.tile_channels(kernel, self._transitions(source))
    x = lean.conv2d(x, kernel, dilations=rate)
    return self.norms.normalize(x, [Part(k, 0, source)])

  def _any(self, source: int, state: tf.Tensor, k: int) -> tf.Tensor:
    """An operator without a fast path: [B, H, W, T*n*C] by edge."""
    operator = self.operators[k]
    states = tf.split(state, self._transitions(source), axis=-1)
    outputs = []
    for edge in self.layout.edges_from[source]:
      weights = self.layout.of_edge(self.weights, k, edge)
      for t, x in enumerate(states):
        norms = itertools.count()

        def normalize(x, t=t, edge=edge, norms=norms):
          return self.norms.normalize_row(
            x, Part(k, next(norms), source), t, edge
          )

        output = operator(x, weights, normalize)
        outputs.append(tf.cast(self.inputs.op[edge, k], x.dtype) * output)
    return tf.concat(outputs, axis=-1)

  def _transitions(self, source: int) -> int:
    return self.layout.num_transitions(source)

  def _reordered(self, source: int, x: tf.Tensor) -> tf.Tensor:
    """[B, H, W, T*n*C] from by transition to by edge."""
    num_transitions = self._transitions(source)
    if num_transitions == 1:
      return x
    num_edges = len(self.layout.edges_from[source])
    shape = [*shapes.of(x)[:3], num_transitions, num_edges, self.filters]
    x = tf.transpose(tf.reshape(x, shape), [0, 1, 2, 4, 3, 5])
    return shapes.flat_channels(x)

"""A supernet of which one path and few operations are computed.

A node off the path is zeros, and so is what an operation of weight 0 adds.
Under one-hot weights all else is the supernet's function, at the cost of what
is left of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops, padding, phases, resize
from deeplab_nas.nn.supernet import node as node_lib
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.nn.supernet.sampled import head as sampled_head
from deeplab_nas.nn.supernet.sampled import input as sampled_input
from deeplab_nas.nn.supernet.sampled import node as sampled_node
from deeplab_nas.nn.supernet.sampled import operator as sampled_operator
from deeplab_nas.nn.supernet.sampled import sample as sample_lib
from deeplab_nas.nn.supernet.sampled import touched
from deeplab_nas.space import arch_weights, lattice


class Choice(NamedTuple):
  """What of a supernet a pass computes.

  Attributes:
    sample: The operations and the path.
    layers: What they touch in each layer's node.
    phase: What the pass is for.
  """

  sample: sample_lib.Sample
  layers: Sequence[touched.Layer]
  phase: phases.Phase


class SampledSupernet:
  """Runs a supernet with one-hot weights, on its variables.

      sampled = SampledSupernet(supernet)
      choice = sampled.choose(strategy.sample(progress), phases.WEIGHT_STEP)
      weights = sampled.read(choice)
      logits = sampled(images, choice, weights)

  Logits, gradients and statistics are those of `supernet(images, arch, phase)`,
  but the statistics of what is not computed stay. Norms are never synchronized.

  Passes of one graph come one after the other: they share kernels, and oneDNN's
  batch norm keeps its number of channels in the kernel while it computes. Of
  two at a time one writes beyond its memory. Gradients of several passes have
  no such order: take them one by one.

  Attributes:
    supernet: Whose variables these are.
    per_edge: The most operations of an edge that may have a weight: what is
      asked for, or all that there are.
  """

  def __init__(self, supernet: supernet_lib.Supernet, per_edge: int = 1):
    self.supernet = supernet
    self.per_edge = min(per_edge, len(supernet.space.cell.primitives))
    self._turn = tf.Variable(0, trainable=False, dtype=tf.int64)
    grid = supernet.space.lattice
    self._edges = [
      sample_lib.edges_into(grid, layer)
      for layer in range(1, grid.num_layers + 1)
    ]

  @property
  def is_supported(self) -> bool:
    """Whether it can: what `can_choose` says, and norms are not synchronized.

    Replicas cannot meet in a function that not all of them may call.
    """
    return self.can_choose and not self.supernet.sync_batch_norm

  @property
  def can_choose(self) -> bool:
    """Whether one can `choose`: in float32 on processors.

    Not with global paths, which weigh the heads.
    """
    supernet = self.supernet
    return (
      supernet.fused
      and supernet.precision == 'float32'
      and not supernet.space.has_global_paths
      and not tf.config.list_logical_devices('GPU')
    )

  @property
  def cells(self) -> list[list[node_lib.Cell]]:
    """The cells of each layer's nodes, the finest level first."""
    grid = self.supernet.space.lattice
    return [
      [
        self.supernet.cells[lattice.Node(layer, level).name]
        for level in grid.levels(layer)
      ]
      for layer in range(1, grid.num_layers + 1)
    ]

  def choose(
    self, arch: arch_weights.ArchWeights, phase: phases.Phase
  ) -> Choice:
    """What a sample touches.

    Args:
      arch: One-hot; see `sample.read`.
      phase: What the pass is for.
    """
    sample = sample_lib.read(arch, self.supernet.space, self.per_edge)
    layers = [
      touched.layer_of(sample, i, list(map(self._way, edges)), phase.training)
      for i, edges in enumerate(self._edges, 1)
    ]
    return Choice(sample, layers, phase)

  def read(
    self, choice: Choice, of: Callable[[tf.Variable], tf.Variable] | None = None
  ) -> list[tf.Tensor]:
    """The touched weights of each layer's cell, float32 [n] each.

    Args:
      choice: What is touched.
      of: From a cell's weights to another variable of that shape, which is read
        in their place.
    """
    return [
      touched.read(layer.level, vectors, layer.indices)
      for layer, vectors in zip(choice.layers, self._vectors(of))
    ]

  def write(
    self,
    choice: Choice,
    values: Sequence[tf.Tensor],
    of: Callable[[tf.Variable], tf.Variable] | None = None,
  ) -> None:
    """Puts values in the place of what `read` gives."""
    for layer, vectors, of_layer in zip(
      choice.layers, self._vectors(of), values
    ):
      touched.write(layer.level, vectors, layer.indices, of_layer)

  def _vectors(self, of) -> list[list[tf.Variable]]:
    vectors = [[cell.kernel_vector for cell in cells] for cells in self.cells]
    return vectors if of is None else [list(map(of, v)) for v in vectors]

  def dense(self, choice: Choice) -> list[tuple[tf.Variable, tf.Tensor | None]]:
    """All other variables, each with whether it is touched; None if always."""
    end = choice.sample.level[-1]
    variables = [(x, None) for x in self.supernet.stem.trainable_variables]
    for level, head in enumerate(self.supernet.heads):
      always = {x.ref() for x in sampled_head.touched_by_zeros(head)}
      is_end = end == level
      variables += [
        (x, None if x.ref() in always else is_end)
        for x in head.trainable_variables
      ]
    return variables

  def masks(self, choice: Choice) -> list[tf.Tensor | None]:
    """Where each of `supernet.trainable_variables` is touched.

    Returns:
      bool, of the variable's shape or []; None if all of it is, always.
    """
    found = {x.ref(): mask for x, mask in self.dense(choice)}
    for layer, cells in zip(choice.layers, self.cells):
      for level, cell in enumerate(cells):
        found[cell.kernel_vector.ref()] = touched.mask(
          layer, level, cell.kernel_vector.shape
        )
    return [found[x.ref()] for x in self.supernet.trainable_variables]

  def __call__(
    self, images: tf.Tensor, choice: Choice, weights: Sequence[tf.Tensor]
  ) -> tf.Tensor:
    """Computes logits float32 [B, H, W, num_classes].

    Args:
      images: float32 [B, H, W, 3] in [0, 255], of any size.
      choice: What is computed.
      weights: What `read` gave, of which gradients may be asked.
    """
    with tf.control_dependencies([self._turn.assign_add(1)]):
      images = tf.identity(images)
    logits = self._logits(images, choice, weights)
    with tf.control_dependencies([logits]):
      self._turn.assign_add(1)
    return logits

  def evaluate(
    self,
    images: tf.Tensor,
    arch: arch_weights.ArchWeights,
    phase: phases.Phase,
  ) -> tf.Tensor:
    """Logits where no gradients by the cells' weights are asked.

    Args:
      images: As in a call.
      arch: As in `choose`.
      phase: Likewise.
    """
    choice = self.choose(arch, phase)
    return self(images, choice, self.read(choice))

  def _logits(
    self, images: tf.Tensor, choice: Choice, weights: Sequence[tf.Tensor]
  ) -> tf.Tensor:
    grid, phase = self.supernet.space.lattice, choice.phase
    padded = padding.pad(images / 127.5 - 1, grid.strides[-1])
    half, quarter = self.supernet.stem(padded, phase)
    states = [half, quarter]
    for i, (layer, values) in enumerate(zip(choice.layers, weights)):
      of_layer = touched.with_copies(layer, values)
      states.append(self._layer(i, *states[-2:], choice, of_layer, padded))
    finest = padding.size_at(padded, grid.strides[0])
    parts = [
      sampled_head.logits(
        head, states[-1], choice.sample.level[-1] == level, finest, phase
      )
      for level, head in enumerate(self.supernet.heads)
    ]
    logits = parts[0]
    for part in parts[1:]:
      logits += part  # of one pixel, but for one of them
    logits = resize.bilinear(logits, padding.size_at(padded, 1))
    logits.set_shape([images.shape[0], None, None, self.supernet.num_classes])
    return padding.crop(logits, images)

  def _layer(
    self,
    i: int,
    prev_prev: tf.Tensor,
    prev: tf.Tensor,
    choice: Choice,
    weights: tf.Tensor,
    padded: tf.Tensor,
  ) -> tf.Tensor:
    """The output of the path's node of layer i + 1, [B, H, W, channels]."""
    phase, layer = choice.phase, choice.layers[i]
    strides = self.supernet.space.lattice.strides
    sizes = [padding.size_at(padded, stride) for stride in strides]
    kinds, branch = self._kinds(i, choice.sample, prev.dtype.name, phase)
    cells = self.cells[i]
    filters = [cell.shape.filters for cell in cells]
    means = [cell.moving_mean for cell in cells]
    variances = [cell.moving_variance for cell in cells]
    inputs = sampled_node.Inputs(
      prev,
      prev_prev,
      tf.cast(layer.is_zero, tf.int32),
      choice.sample.beta[i],
      tf.gather(tf.stack(sizes), layer.level),
      tf.gather(filters, layer.level),
      layer.primitive,
      choice.sample.scale,
      layer.at,
      layer.norm_at,
      weights,
      *(_served(layer, x, phase) for x in (means, variances)),
    )
    used = []

    def computed(prev, prev_prev, weights):
      given = inputs._replace(prev=prev, prev_prev=prev_prev, weights=weights)
      y, *kept, mean, variance = sampled_node.forward(kinds, branch, given)
      used.extend([mean, variance])

      def gradients(g):
        found = sampled_node.backward(
          kinds, branch, given, sampled_node.Kept(*kept), g
        )
        for gradient, x in zip(found, (prev, prev_prev, weights)):
          gradient.set_shape(x.shape)
        return found

      return y, gradients

    y = graph_ops.call(computed, prev, prev_prev, weights, always=True)
    if phase.training and phase.statistics_move:
      for variables, batch in zip((means, variances), used):
        touched.fold(layer, variables, batch)
    y.set_shape([prev.shape[0], None, None, None])
    return y

  def _way(self, edge: lattice.LatticeEdge) -> touched.Way:
    into = self.supernet.space.lattice.edges_into(edge.target)
    cell = self.supernet.cells[edge.target.name]
    return touched.Way(cell.shape, into.index(edge))

  def _kinds(
    self, i: int, sample: sample_lib.Sample, dtype: str, phase: phases.Phase
  ) -> tuple[list[sampled_node.Kind], tf.Tensor]:
    """Those of nodes in layer i + 1, and which the path's is, int32 []."""
    kinds = [self._kind(edge, dtype, phase.training) for edge in self._edges[i]]
    different = list(dict.fromkeys(kinds))
    numbers = [different.index(kind) for kind in kinds]
    return different, tf.gather(numbers, sample.edge[i])

  def _kind(
    self, edge: lattice.LatticeEdge, dtype: str, training: bool
  ) -> sampled_node.Kind:
    """Of the node that a transition enters."""
    space = self.supernet.space
    shape, transition = self._way(edge)
    others = dtype, space.partial_channels, training
    inputs = []
    for resample, source in (
      (shape.prevs[transition], edge.source),
      (shape.prev_prev, space.lattice.prev_prev(edge.target)),
    ):
      stays = source.layer >= 0 and source.level == edge.target.level
      is_resized = resample.strides == 1 and not stays
      window = resample.kernel_shape[0], resample.strides
      inputs.append(sampled_input.Kind(*window, is_resized, *others))
    cell = space.cell
    operations = sampled_operator.Kind(
      cell.primitives, dtype, space.partial_channels
    )
    return sampled_node.Kind(
      *inputs, operations, cell.num_blocks, self.per_edge
    )


def _served(
  layer: touched.Layer, variables: Sequence[tf.Variable], phase: phases.Phase
) -> tf.Tensor:
  """The moving statistics of norms, float32 [r, C/K]; none in training."""
  if phase.training:
    return tf.zeros([0, 0])
  return touched.read(layer.level, variables, layer.norms)

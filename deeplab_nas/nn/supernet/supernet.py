"""The supernet: the whole search space as one differentiable network.

Reference:
  Auto-DeepLab, Sec. 4.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import tensorflow as tf
from absl import logging

from deeplab_nas.nn.kernels import padding, phases, replicas
from deeplab_nas.nn.supernet import fused_node, path_flow, resample, stem
from deeplab_nas.nn.supernet import head as head_lib
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet import node as node_lib
from deeplab_nas.runtime import onednn
from deeplab_nas.space import arch_weights, lattice, search_space


class Supernet(tf.keras.Model):
  """Logits of all architectures of a space at once, weighted by `ArchWeights`.

  Walks the lattice and computes each node from the nodes one and two layers
  before it, Eq. (6):

    H^l_s = beta_{s/2->s} Cell(H^{l-1}_{s/2}, H^{l-2}_s; alpha)
          + beta_{s->s}   Cell(H^{l-1}_s,     H^{l-2}_s; alpha)
          + beta_{2s->s}  Cell(H^{l-1}_{2s},  H^{l-2}_s; alpha)

  The logits of the heads are added. With `paths='global'` of the space, the
  beta of a node are not those of the moves out of its sources, but how probable
  it is that a path through the node comes from each, and the heads are weighed
  by how probable it is that a path ends there.

      supernet = Supernet(SearchSpace(), num_classes=19)
      logits = supernet(images, strategy.sample(progress), phases.WEIGHT_STEP)

  Attributes:
    space: The search space.
    num_classes: Channels of the logits.
    fused: Whether nodes take the fast path; the function is the same. False
      where TensorFlow lacks what that path needs.
    recompute: Whether the fast path stores each node's inputs alone and
      computes the rest again for the gradient: a third of the memory for a
      tenth of the time.
    precision: Keras' policy of the layers, 'float32' or 'mixed_bfloat16'; all
      variables, statistics and the logits are float32.
    sync_batch_norm: Whether batch norm sees the batches of all replicas as one;
      with several replicas everything is stored then, whatever `recompute` is.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    num_classes: int,
    fused: bool = True,
    recompute: bool = True,
    name: str = 'supernet',
    precision: str = 'float32',
    sync_batch_norm: bool = False,
  ):
    super().__init__(name=name)
    space.check_supernet()
    self.space = space
    self.num_classes = num_classes
    self.fused = fused and _has_fast_path(precision)
    self.recompute = recompute
    self.precision = precision
    self.sync_batch_norm = sync_batch_norm
    self.stem = stem.Stem(space.supernet_stem, dtype=precision)
    self.cells = {n.name: self._cell(n) for n in space.lattice.nodes}
    self.heads = [
      self._head(level)
      for level in space.lattice.levels(space.lattice.num_layers)
    ]
    self._build_layers()

  def call(
    self,
    images: tf.Tensor,
    arch: arch_weights.ArchWeights,
    phase: phases.Phase = phases.INFERENCE,
  ) -> tf.Tensor:
    """Computes logits float32 [B, H, W, num_classes].

    Args:
      images: float32 [B, H, W, 3] in [0, 255], of any size.
      arch: The weights of operations [E, K] and transitions [L, S, 3].
      phase: What the pass is for.
    """
    with replicas.synchronized_norms(self.sync_batch_norm):
      return self._logits(images, arch, phase)

  # Keras asks the signature of `call` whether it takes `training`, and a
  # decorated one seems to take anything.
  @tf.autograph.experimental.do_not_convert
  def _logits(
    self,
    images: tf.Tensor,
    arch: arch_weights.ArchWeights,
    phase: phases.Phase,
  ) -> tf.Tensor:
    grid = self.space.lattice
    padded = padding.pad(images / 127.5 - 1, grid.strides[-1])
    states = {}  # node -> [B, H / s, W / s, node filters]
    states[lattice.Node(-1, 0)], states[lattice.STEM] = self.stem(padded, phase)
    transition, ends_at = arch.transition, None
    if self.space.has_global_paths:
      transition, ends_at = path_flow.posterior(arch.transition, grid)

    for node in grid.nodes:
      edges = grid.edges_into(node)
      states[node] = self.cells[node.name](
        [states[edge.source] for edge in edges],
        states[grid.prev_prev(node)],
        arch.op,
        tf.gather_nd(transition, [edge.index for edge in edges]),
        padding.size_at(padded, grid.strides[node.level]),
        phase,
      )

    ends = [
      lattice.Node(grid.num_layers, level) for level in range(len(self.heads))
    ]
    logits = [head(states[n], phase) for head, n in zip(self.heads, ends)]
    if ends_at is not None:
      logits = [x * ends_at[node.level] for x, node in zip(logits, ends)]
    logits = head_lib.summed(logits, padding.size_at(padded, 1))
    return padding.crop(logits, images)

  def _build_layers(self) -> None:
    """Creates all weights at once: the space knows every shape."""
    self.stem.build([None, None, None, 3])
    for node in self.cells.values():
      node.build()
    for head in self.heads:
      head.build([None, None, None, head.filters])
    self.built = True

  def _cell(self, node: lattice.Node) -> node_lib.Cell:
    grid, filters = self.space.lattice, self.space.filters(node.level)

    def comes_from(source: lattice.Node, strides: int = 1):
      return resample.Resample(self._channels(source), filters, strides)

    shape = layout_lib.NodeShape(
      self.space.cell,
      filters,
      tuple(
        comes_from(edge.source, 2 if edge.move == lattice.DOWN else 1)
        for edge in grid.edges_into(node)
      ),
      comes_from(grid.prev_prev(node)),
      self.space.partial_channels,
      self.space.shared_kernels,
    )
    return node_lib.Cell(shape, self.fused, self.recompute, f'cell_{node.name}')

  def _channels(self, node: lattice.Node) -> int:
    stem_outputs = {
      lattice.Node(-1, 0): self.stem.half_filters,
      lattice.STEM: self.stem.quarter_filters,
    }
    return stem_outputs.get(node) or self.space.node_filters(node.level)

  def _head(self, level: int) -> head_lib.SearchASPP:
    stride = self.space.lattice.strides[level]
    return head_lib.SearchASPP(
      stride,
      self.space.node_filters(level),
      self.num_classes,
      name=f'head_stride{stride}',
      dtype=self.precision,
    )


def _has_fast_path(precision: str) -> bool:
  """Whether TensorFlow has it here; says what to do where it has not."""
  dtype = tf.as_dtype(tf.keras.mixed_precision.Policy(precision).compute_dtype)
  if fused_node.is_supported(dtype):
    return True
  advice = onednn.REMEDY
  if fused_node.is_supported():
    advice = 'set search.precision=float32'
  logging.warning(
    'TensorFlow has no gradients of grouped convolutions in %s here, so the '
    'supernet takes its slow path: %s.',
    dtype.name,
    advice,
  )
  return False

"""The supernet: the whole search space as one differentiable network.

Reference:
  Auto-DeepLab, Sec. 4.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import tensorflow as tf
from absl import logging

from deeplab_nas.nn import (
  aspp,
  cell,
  fused_cell,
  image_padding,
  resample,
  stem,
)
from deeplab_nas.space import arch_weights, lattice, search_space


class Supernet(tf.keras.Model):
  """Logits of all architectures of a space at once, weighted by `ArchWeights`.

  Walks the lattice and computes each node from the nodes one and two layers
  before it, Eq. (6):

    H^l_s = beta_{s/2->s} Cell(H^{l-1}_{s/2}, H^{l-2}_s; alpha)
          + beta_{s->s}   Cell(H^{l-1}_s,     H^{l-2}_s; alpha)
          + beta_{2s->s}  Cell(H^{l-1}_{2s},  H^{l-2}_s; alpha)

      supernet = Supernet(SearchSpace(), num_classes=19)
      logits = supernet(images, strategy.arch_weights(), training=True)

  Attributes:
    space: The search space.
    num_classes: Channels of the logits.
    fused: Whether nodes take the fast path; the function is the same. False
      where TensorFlow lacks what that path needs.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    num_classes: int,
    fused: bool = True,
    name: str = 'supernet',
  ):
    super().__init__(name=name)
    self.space = space
    self.num_classes = num_classes
    self.fused = fused and fused_cell.is_supported()
    if self.fused != fused:
      logging.warning(
        'TensorFlow has no gradients of grouped convolutions here, so the '
        'supernet takes its slow path: unset TF_ENABLE_ONEDNN_OPTS=0.'
      )
    self.stem = stem.Stem(space.filter_multiplier)
    self.resample = {e.name: self._resample(e) for e in space.lattice.edges}
    self.project = {n.name: self._project(n) for n in space.lattice.nodes}
    self.cells = {n.name: self._cell(n) for n in space.lattice.nodes}
    self.heads = [
      self._head(level)
      for level in space.lattice.levels(space.lattice.num_layers)
    ]
    self._build_layers()

  @tf.autograph.experimental.do_not_convert
  def call(
    self,
    images: tf.Tensor,
    arch: arch_weights.ArchWeights,
    training: bool = False,
    update_statistics: bool = True,
  ) -> tf.Tensor:
    """Computes logits float32 [B, H, W, num_classes].

    Args:
      images: float32 [B, H, W, 3] in [0, 255], of any size.
      arch: The weights of operations [E, K] and transitions [L, S, 3].
      training: Whether to normalise with the batch's statistics.
      update_statistics: Whether to fold those into the moving ones; an
        architecture step does not.
    """
    mode = (training, update_statistics)
    grid = self.space.lattice
    padded = image_padding.pad(images / 127.5 - 1, grid.strides[-1])
    states = {}  # node -> float32 [B, H / s, W / s, node filters]
    states[lattice.Node(-1, 0)], states[lattice.STEM] = self.stem(padded, *mode)

    for node in grid.nodes:
      edges = grid.edges_into(node)
      size = image_padding.size_at(padded, grid.strides[node.level])
      prevs = [
        self.resample[e.name](states[e.source], size, *mode) for e in edges
      ]
      prev_prev = self.project[node.name](
        states[grid.prev_prev(node)], size, *mode
      )
      beta = tf.stack([arch.edge[e.index] for e in edges])
      states[node] = self.cells[node.name](
        prevs, prev_prev, arch.op, beta, *mode
      )

    ends = [
      lattice.Node(grid.num_layers, level) for level in range(len(self.heads))
    ]
    logits = [head(states[n], *mode) for head, n in zip(self.heads, ends)]
    logits = aspp.summed(logits, image_padding.size_at(padded, 1))
    return image_padding.crop(logits, images)

  def _build_layers(self) -> None:
    """Creates all weights at once: the space knows every shape."""

    def shape(node: lattice.Node) -> list[int | None]:
      filters = {
        lattice.Node(-1, 0): self.stem.half_filters,
        lattice.STEM: self.stem.quarter_filters,
      }.get(node, self.space.node_filters(node.level))
      return [None, None, None, filters]

    grid = self.space.lattice
    self.stem.build([None, None, None, 3])
    for edge in grid.edges:
      self.resample[edge.name].build(shape(edge.source))
    for node in grid.nodes:
      self.project[node.name].build(shape(grid.prev_prev(node)))
      self.cells[node.name].build()
    for level, head in enumerate(self.heads):
      head.build(shape(lattice.Node(grid.num_layers, level)))
    self.built = True

  def _resample(self, edge: lattice.LatticeEdge) -> resample.Resample:
    return resample.Resample(
      self.space.filters(edge.target.level),
      strides=2 if edge.move == lattice.DOWN else 1,
      name=f'resample_{edge.name}',
    )

  def _project(self, node: lattice.Node) -> resample.Resample:
    return resample.Resample(
      self.space.filters(node.level),
      name=f'prev_prev_{node.name}',
    )

  def _cell(self, node: lattice.Node) -> cell.Cell:
    return cell.Cell(
      self.space.cell,
      self.space.filters(node.level),
      len(self.space.lattice.edges_into(node)),
      fused=self.fused,
      name=f'cell_{node.name}',
    )

  def _head(self, level: int) -> aspp.SearchASPP:
    stride = self.space.lattice.strides[level]
    return aspp.SearchASPP(
      stride,
      self.space.node_filters(level),
      self.num_classes,
      name=f'head_stride{stride}',
    )

"""A graph hypernetwork: the weights of any architecture of a space.

    hypernetwork = Hypernetwork(space, template)
    network = hypernetwork.attach(build_network(genotype))
    logits = network(images, training=True)

Reference:
  Zhang, Ren and Urtasun, Graph hypernetworks for neural architecture search,
  https://arxiv.org/abs/1810.05749
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf

from deeplab_nas.nn.hypernetwork import graph, kernels, messages
from deeplab_nas.nn.network import (
  conv_norm,
  operators,
  shared_units,
  variables,
)
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.space import search_space

# Kernels of one operation of a cell: two units of two convolutions.
_SLOTS = 4
_CHANNELS = 8  # to ask a primitive for its kernels; any number will do


class Hypernetwork(tf.Module):
  """Message passing over the cells, and kernels from its states.

  Predicted are the kernels of all cells, and those of the head whose shape
  depends on the architecture: ASPP's first convolutions and the decoder's on
  the low-level features, from the embedding of the last cell. Stem, ASPP's
  projection, the decoder's 3x3s and the logits have one shape in all
  architectures: they are ordinary layers that all share. The scales of
  predicted units are 1, and their offsets 0.

  Attributes:
    space: Of the architectures.
    messages: Embeds operations.
    kernels: Makes kernels of the embeddings.
    shared: Layers that all architectures have, by name.
  """

  def __init__(
    self,
    space: search_space.SearchSpace,
    template: network_lib.DerivedNetwork,
    num_units: int = 32,
    num_hidden: int = 64,
    num_sweeps: int = 5,
  ):
    """Makes the variables.

    Args:
      space: Of the architectures.
      template: A network of the space, of float32, which gives the layers that
        are shared; it is not to be used any more.
      num_units: Of a node's state; 32 in the paper.
      num_hidden: Of the layer between states and kernels; 64 in the paper.
      num_sweeps: Of messages; 5 in the paper.
    """
    super().__init__(name='hypernetwork')
    self.space = space
    self.shared = _shared(template)
    self.messages = messages.MessagePassing(space, num_units, num_sweeps)
    head = [unit for unit, _, _ in _head_units(template)]
    self.kernels = kernels.Kernels(
      num_units,
      num_hidden,
      _SLOTS + len(head),
      _families(space, head),
    )

  def attach(self, network: network_lib.DerivedNetwork) -> Predicted:
    """The network, computed with shared layers and predicted kernels.

    Args:
      network: Of the space, with the template's options; its own stem and
        logits are replaced.
    """
    network.stem = self.shared['stem']
    network.aspp.projection = self.shared['projection']
    network.decoder.convs = self.shared['decoder']
    network.logits = self.shared['logits']
    return Predicted(self, network)

  def weights(
    self, network: network_lib.DerivedNetwork
  ) -> dict[int, list[tf.Tensor]]:
    """What `shared_units.given` takes, for all units that are predicted."""
    states = self.messages(graph.of(self.space, network.genotype))
    last = tf.reduce_mean(states[-1], axis=0, keepdims=True)
    rows = tf.reshape(states, [-1, states.shape[-1]])
    units = list(_units(network))
    requests = [
      kernels.Request(node, slot + i, shape)
      for unit, node, slot in units
      for i, shape in enumerate(_shapes(unit))
    ]
    made = iter(self.kernels(tf.concat([rows, last], 0), requests))
    return {
      id(unit): [
        *(next(made) for _ in unit.convs),
        tf.ones_like(unit.norm.gamma),
        tf.zeros_like(unit.norm.beta),
      ]
      for unit, _, _ in units
    }


class Predicted(tf.Module):
  """A network with weights from a hypernetwork; see `Hypernetwork.attach`.

  Attributes:
    network: Whose structure and moving statistics this has.
    weights: Those of the last `predict`; of none before it.
  """

  def __init__(
    self, hypernetwork: Hypernetwork, network: network_lib.DerivedNetwork
  ):
    super().__init__(name='predicted')
    self.network = network
    self.num_classes = network.num_classes
    self.drop_path_progress = network.drop_path_progress
    self._hypernetwork = hypernetwork
    self.weights: Mapping[int, Sequence[tf.Tensor]] = {}

  def predict(self) -> None:
    """Takes the weights that the hypernetwork predicts now."""
    self.weights = self._hypernetwork.weights(self.network)

  @property
  def trainable_variables(self) -> tuple[tf.Variable, ...]:
    return self._hypernetwork.trainable_variables

  @property
  def non_trainable_variables(self) -> list[tf.Variable]:
    return self.network.non_trainable_variables

  def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Logits float32 [B, H, W, num_classes]; see `DerivedNetwork`."""
    with shared_units.given(self.weights):
      return self.network(images, training=training)


def _shared(template: network_lib.DerivedNetwork) -> dict[str, object]:
  return {
    'stem': template.stem,
    'projection': template.aspp.projection,
    'decoder': template.decoder.convs,
    'logits': template.logits,
  }


def _units(
  network: network_lib.DerivedNetwork,
) -> Iterator[tuple[conv_norm.ConvNorm, int, int]]:
  """Each predicted unit, its row of the embeddings, and its first slot."""
  count = graph.num_nodes(len(network.genotype.cell))
  for layer, cell in enumerate(network.cells):
    first = layer * count
    if cell.prev_prev is not None:
      yield cell.prev_prev, first + graph.PREV_PREV, 0
    yield cell.prev, first + graph.PREV, 0
    for block, ops in enumerate(cell.ops):
      for term, op in enumerate(ops):
        for i, unit in enumerate(op.units):
          yield unit, first + graph.term_node(block, term), 2 * i
  yield from _head_units(network)


def _head_units(
  network: network_lib.DerivedNetwork,
) -> Iterator[tuple[conv_norm.ConvNorm, int, int]]:
  last = len(network.cells) * graph.num_nodes(len(network.genotype.cell))
  layers = (
    network.aspp.pooled,
    *network.aspp.branches,
    network.decoder.low_level,
  )
  units = (unit for layer in layers for unit in layer.units)
  for i, unit in enumerate(units):
    yield unit, last, _SLOTS + i


def _shapes(unit: conv_norm.ConvNorm) -> list[kernels.Shape]:
  """Of a unit's kernels, in order."""
  found = []
  for conv in unit.convs:
    is_depthwise = isinstance(conv, tf.keras.layers.DepthwiseConv2D)
    kernel = conv.depthwise_kernel if is_depthwise else conv.kernel
    window, _, inputs, outputs = kernel.shape
    found.append(kernels.Shape(window, inputs, outputs, is_depthwise))
  return found


def _families(
  space: search_space.SearchSpace, head: Sequence[conv_norm.ConvNorm]
) -> list[kernels.Family]:
  """Of all kernels that an architecture of the space may have."""
  units = list(head)
  for primitive in space.cell.primitives:
    for strides in (1, 2):
      op = operators.DerivedOp(
        primitive, _CHANNELS, strides, tf.keras.layers.BatchNormalization
      )
      variables.create(op, _CHANNELS)
      units += op.units
  shapes = [shape for unit in units for shape in _shapes(unit)]
  return sorted({shape.family for shape in shapes})

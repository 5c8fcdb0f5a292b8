"""A network that starts in a second: its units are those of all networks."""

from __future__ import annotations

import tensorflow as tf

from deeplab_nas.nn.kernels import graph_ops
from deeplab_nas.nn.network import conv_norm, shared_units
from deeplab_nas.nn.network import network as network_lib


class SharedNetwork(tf.Module):
  """A `DerivedNetwork` for a trainer, traced by way of `shared_units`.

      network = SharedNetwork(build_network(genotype))
      trainer = Trainer(network, TrainConfig(), total_steps=400)

  The weights of all units are one vector, of which a step of the optimizer is
  a few operations instead of a dozen for each of a thousand variables. Loss and
  gradients are those of the network that it takes.

  Attributes:
    network: Whose structure this is. Its moving statistics, and its logits'
      weights, are in use; its other weights are where these here begin.
    weights: float32 variable [N], the kernels, scales and offsets of its units.
  """

  def __init__(self, network: network_lib.DerivedNetwork):
    """Takes a network of float32 whose batch norms are trained.

    Raises:
      ValueError: If it has no batch norms, frozen ones, or other precision.
    """
    super().__init__(name='shared_network')
    self.network = network
    self.num_classes = network.num_classes
    self.drop_path_progress = network.drop_path_progress
    units = [x for x in network.submodules if isinstance(x, conv_norm.ConvNorm)]
    if any(
      unit.norm is None
      or not unit.norm.trainable
      or unit.compute_dtype != 'float32'
      for unit in units
    ):
      raise ValueError('expected a network of float32 whose batch norms train')
    parts = [variable for unit in units for variable in _weights(unit)]
    self.weights = tf.Variable(
      tf.concat([tf.reshape(part, [-1]) for part in parts], 0), name='weights'
    )
    # A module would track lists of them, by other names than the network's.
    self._units = lambda: units
    self._parts = lambda: parts

  @property
  def parts(self) -> list[tf.Variable]:
    """The network's variables of which `weights` has the values, in order."""
    return self._parts()

  def write_back(self) -> None:
    """Gives the network's own variables the values of `weights`."""
    sizes = [part.shape.num_elements() for part in self.parts]
    for part, values in zip(self.parts, tf.split(self.weights, sizes)):
      part.assign(tf.reshape(values, part.shape))

  @property
  def trainable_variables(self) -> tuple[tf.Variable, ...]:
    flat = {part.ref() for part in self.parts}
    others = self.network.trainable_variables
    return (self.weights, *(x for x in others if x.ref() not in flat))

  @property
  def non_trainable_variables(self) -> list[tf.Variable]:
    return self.network.non_trainable_variables

  def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
    """Logits float32 [B, H, W, num_classes]; see `DerivedNetwork`."""
    return graph_ops.recorded(self._logits)(images, training)

  def _logits(self, images: tf.Tensor, training: bool) -> tf.Tensor:
    sizes = [part.shape.num_elements() for part in self.parts]
    slices = iter(tf.split(self.weights, sizes))
    weights = {
      id(unit): [next(slices) for _ in range(len(unit.convs) + 2)]
      for unit in self._units()
    }
    with shared_units.given(weights):
      return self.network(images, training=training)


def of(
  network: network_lib.DerivedNetwork,
) -> SharedNetwork | network_lib.DerivedNetwork:
  """A `SharedNetwork`; the network itself if it cannot be one."""
  norms = [
    layer
    for layer in network.submodules
    if isinstance(layer, tf.keras.layers.BatchNormalization)
  ]
  if network.compute_dtype != 'float32' or not all(n.trainable for n in norms):
    return network
  return SharedNetwork(network)


def _weights(unit: conv_norm.ConvNorm) -> list[tf.Variable]:
  """Kernels, scale and offset, in the order of `shared_units`."""
  kernels = [
    conv.depthwise_kernel
    if isinstance(conv, tf.keras.layers.DepthwiseConv2D)
    else conv.kernel
    for conv in unit.convs
  ]
  return [*kernels, unit.norm.gamma, unit.norm.beta]

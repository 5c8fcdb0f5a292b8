"""Folds batch norm into convolutions, for inference.

With moving statistics, batch norm is y = s x + t per channel with
s = gamma / sqrt(variance + epsilon) and t = beta - s * mean. The s goes into
the kernel of the convolution before it, the t becomes that one's bias.

Reference:
  Jacob et al., Sec. 3.2, https://arxiv.org/abs/1712.05877
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.network import conv_norm, winograd
from deeplab_nas.nn.network import network as network_lib


def fold(
  network: network_lib.DerivedNetwork, winograd_decoder: bool = False
) -> network_lib.DerivedNetwork:
  """A network without batch norm that infers what the given one infers.

  Args:
    network: Any derived network; it stays as it is. One that is folded already
      is returned itself.
    winograd_decoder: Whether the decoder's 3x3 convolutions take fewer
      multiplications, see `deeplab_nas.nn.network.winograd`.

  Returns:
    A network with variables of its own; equal up to rounding in inference, and
    not for training.
  """
  if network.options.fold_batch_norm:
    return network
  folded = network_lib.DerivedNetwork(
    network.space,
    network.genotype,
    network.num_classes,
    dataclasses.replace(
      network.options, fold_batch_norm=True, winograd_decoder=winograd_decoder
    ),
    name=network.name,
  )
  for source, target in zip(_units(network), _units(folded)):
    _fold_unit(source, target)
  folded.logits.set_weights(network.logits.get_weights())
  return folded


def freeze_small(network: tf.Module, max_bytes: int = 4096) -> None:
  """Turns small weights into numbers, which graphs hold as constants.

  Most variables of a folded network have few numbers, but each costs a loaded
  graph a dozen nodes to be saved, restored and read: without these, loading
  takes some 80 MB less. Large ones stay variables, since a graph's constants
  are copied many times while it is loaded.

  Args:
    network: A folded one, or a layer of it; what became a number can no longer
      be assigned.
    max_bytes: Of the largest weights that become numbers.
  """
  for layer in (network, *network.submodules):
    for name in ('kernel', 'depthwise_kernel', 'bias'):
      weight = getattr(layer, name, None)
      if isinstance(weight, tf.Variable):
        value = weight.numpy()
        if value.nbytes <= max_bytes:
          setattr(layer, name, value)


def _units(network: network_lib.DerivedNetwork) -> list[conv_norm.ConvNorm]:
  return [m for m in network.submodules if isinstance(m, conv_norm.ConvNorm)]


def _fold_unit(source: conv_norm.ConvNorm, target: conv_norm.ConvNorm) -> None:
  *before, last = source.convs
  for conv, target_conv in zip(before, target.convs):
    target_conv.set_weights(conv.get_weights())
  scale, offset = _affine(source.norm)
  (kernel,) = last.get_weights()
  if isinstance(last, tf.keras.layers.DepthwiseConv2D):
    kernel = kernel * scale[:, np.newaxis]  # [k, k, C, 1]
  else:
    kernel = kernel * scale  # [k, k, I, O]
  if isinstance(target.convs[-1], winograd.Conv2D):
    kernel = winograd.transform_kernel(kernel)  # [36, I, O]
  target.convs[-1].set_weights([kernel, offset])


def _affine(
  norm: tf.keras.layers.BatchNormalization,
) -> tuple[np.ndarray, np.ndarray]:
  """Scale and offset of a batch norm in inference, float32 [C] each."""
  gamma, beta, mean, variance = (
    np.asarray(v, np.float64)
    for v in (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
  )
  scale = gamma / np.sqrt(variance + norm.epsilon)
  return scale.astype(np.float32), (beta - mean * scale).astype(np.float32)

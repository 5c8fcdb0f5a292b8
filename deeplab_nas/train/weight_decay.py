"""What DeepLab does to a gradient before the optimizer gets it.

L2 decay goes through the momentum, as in the TF1 code; Keras' own
`weight_decay` and the decoupled one of SGDW would not.

Reference:
  https://github.com/tensorflow/models/tree/master/research/deeplab,
  model.py, core/utils.py (split_separable_conv2d), utils/train_utils.py
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.network import shared_network
from deeplab_nas.train import variable_paths

_BIAS_MULTIPLIER = 2.0
_KERNELS = ('kernel', 'depthwise_kernel')
_HEADS = ('aspp', 'decoder')


def decays(path: str) -> bool:
  """Whether the variable of that path has L2 decay.

  All kernels of convolutions have it, but for the depthwise ones of ASPP and
  decoder. Biases, and scales and offsets of batch norm, have none.
  """
  *parents, last = path.split('/')
  in_head = bool(parents) and parents[0] in _HEADS
  return last in _KERNELS and not (in_head and last == 'depthwise_kernel')


def add_l2(
  gradient: tf.Tensor, variable: tf.Variable, weight_decay: float | tf.Tensor
) -> tf.Tensor:
  """The gradient of a loss with wd/2 |w|^2 added.

  The decay goes through the optimizer's momentum or moments, as in the paper
  and in DeepLab; Keras' own `weight_decay` would not.
  """
  return gradient + weight_decay * variable


def multiplier(path: str) -> float:
  """2 for biases, which the logits alone have, else 1."""
  return _BIAS_MULTIPLIER if path.split('/')[-1] == 'bias' else 1.0


def finished(
  network: tf.Module,
  gradients: Iterable[tf.Tensor],
  variables: Iterable[tf.Variable],
  weight_decay: float,
) -> list[tf.Tensor]:
  """Gradients with decay, and with the multiplier of biases.

  Args:
    network: Owner of the variables.
    gradients: Of the loss alone.
    variables: One for each gradient.
    weight_decay: wd of wd/2 |w|^2.
  """
  is_shared = isinstance(network, shared_network.SharedNetwork)
  named, parts = (
    (network.network, network.parts) if is_shared else (network, ())
  )
  paths = {
    variable.ref(): path
    for path, variable in variable_paths.by_path(named).items()
  }
  results = []
  for gradient, variable in zip(gradients, variables):
    if variable.ref() in paths:
      decay, scale = _factors(paths[variable.ref()], weight_decay)
    else:  # holds the values of several, one after the other
      sizes = [part.shape.num_elements() for part in parts]
      each = [_factors(paths[part.ref()], weight_decay) for part in parts]
      decay, scale = np.repeat(np.float32(each), sizes, axis=0).T
    if np.any(decay):
      gradient = add_l2(gradient, variable, decay)
    results.append(scale * gradient)
  return results


def _factors(path: str, weight_decay: float) -> tuple[float, float]:
  """Decay and multiplier of a variable."""
  return weight_decay if decays(path) else 0.0, multiplier(path)

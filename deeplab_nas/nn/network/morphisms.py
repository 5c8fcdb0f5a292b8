"""A unit with the weights of another one: of other channels, a larger window.

A channel of the child stands for one of the parent's. Several that stand for
one are equal, and who reads them divides its weights among them, so that the
sum is the parent's (Net2WiderNet). Net2Net adds noise, without which they would
stay equal; here the weights are divided unevenly, which changes no function
either and lets them learn apart.

Reference:
  Chen et al., Net2Net, Sec. 2.1, https://arxiv.org/abs/1511.05641
  Wei et al., Network morphism (larger windows), https://arxiv.org/abs/1603.01670
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.network import conv_norm


def wider(count: int, wanted: int, rng: np.random.Generator) -> np.ndarray:
  """Which channel of `count` each of `wanted` is: all of them, then copies.

  Returns:
    int [wanted], values below `count`.
  """
  copies = rng.integers(count, size=wanted - count)
  return np.concatenate([np.arange(count), copies])


def most_important(
  units: list[conv_norm.ConvNorm], count: int, wanted: int
) -> np.ndarray:
  """The channels of the largest scales of batch norm, in their order.

  Args:
    units: Those that compute the channels; without any the first ones stay.
    count: Their channels.
    wanted: How many to keep, at most `count`.

  Returns:
    int [wanted].
  """
  scales = [np.abs(unit.norm.gamma.numpy()) for unit in units]
  order = np.argsort(-sum(scales, np.zeros(count)), kind='stable')
  return np.sort(order[:wanted])


def inherit(
  parent: conv_norm.ConvNorm,
  child: conv_norm.ConvNorm,
  given: np.ndarray,
  made: np.ndarray,
  rng: np.random.Generator,
) -> None:
  """Gives a unit the weights of another one of its kind.

  It computes the same if every channel of the parent has its copies, and its
  window is at least as large.

  Args:
    parent: Whose weights they are.
    child: Of the same kind.
    given: int [I'], which of the parent's each input channel of the child is.
    made: int [O'], likewise of the outputs; `given` if depthwise.
    rng: Divides weights among copies.
  """
  for theirs, ours in zip(parent.convs, child.convs):
    if isinstance(theirs, tf.keras.layers.DepthwiseConv2D):
      kernel = _resized(theirs.depthwise_kernel.numpy(), ours.kernel_size[0])
      ours.depthwise_kernel.assign(kernel[:, :, given])
    else:
      kernel = _resized(theirs.kernel.numpy(), ours.kernel_size[0])
      kernel = kernel[:, :, given][..., made]
      ours.kernel.assign(kernel * _shares(given, len(made), rng))
  for name in ('gamma', 'beta', 'moving_mean', 'moving_variance'):
    values = getattr(parent.norm, name).numpy()
    getattr(child.norm, name).assign(values[made])


def inherit_last(
  parent: tf.keras.layers.Conv2D,
  child: tf.keras.layers.Conv2D,
  given: np.ndarray,
  rng: np.random.Generator,
) -> None:
  """Gives the convolution of the logits, which nothing reads, its weights.

  Args:
    parent: Whose weights they are.
    child: Of as many outputs.
    given: int [I'], which of the parent's each input channel of the child is.
    rng: Divides weights among copies.
  """
  kernel = parent.kernel.numpy()[:, :, given]
  child.kernel.assign(kernel * _shares(given, kernel.shape[-1], rng))
  child.bias.assign(parent.bias)


def make_identity(
  unit: conv_norm.ConvNorm, given: np.ndarray, made: np.ndarray
) -> None:
  """A unit that gives its input as it is, with its moving statistics.

  Args:
    unit: To set.
    given: int [I'], which channel of a parent each input is.
    made: int [O'], likewise of the outputs.
  """
  for conv in unit.convs:
    centre = conv.kernel_size[0] // 2
    if isinstance(conv, tf.keras.layers.DepthwiseConv2D):
      kernel = np.zeros(conv.depthwise_kernel.shape, np.float32)
      kernel[centre, centre] = 1
      conv.depthwise_kernel.assign(kernel)
    else:
      kernel = np.zeros(conv.kernel.shape, np.float32)
      same = given[:, np.newaxis] == made
      kernel[centre, centre] = same / np.maximum(same.sum(0), 1)
      conv.kernel.assign(kernel)
  norm = unit.norm
  norm.moving_mean.assign(tf.zeros_like(norm.moving_mean))
  norm.moving_variance.assign(tf.ones_like(norm.moving_variance))
  norm.beta.assign(tf.zeros_like(norm.beta))
  norm.gamma.assign(tf.fill(norm.gamma.shape, (1 + norm.epsilon) ** 0.5))


def silence(unit: conv_norm.ConvNorm) -> None:
  """A unit that gives zeros, whatever its kernels, and learns from there."""
  unit.norm.gamma.assign(tf.zeros_like(unit.norm.gamma))
  unit.norm.beta.assign(tf.zeros_like(unit.norm.beta))


def _resized(kernel: np.ndarray, size: int) -> np.ndarray:
  """A window with zeros around it, or its middle: [size, size, I, O]."""
  more = (size - len(kernel)) // 2
  if more < 0:
    return kernel[-more:more, -more:more]
  return np.pad(kernel, [(more, more), (more, more), (0, 0), (0, 0)])


def _shares(
  given: np.ndarray, num_outputs: int, rng: np.random.Generator
) -> np.ndarray:
  """float32 [I', O'], which add up to 1 over the copies of a channel."""
  drawn = rng.uniform(0.5, 1.5, [len(given), num_outputs])
  totals = np.zeros([given.max() + 1, num_outputs])
  np.add.at(totals, given, drawn)
  return (drawn / totals[given]).astype(np.float32)

"""Kernels of any size, made of chunks that one small network predicts.

Reference:
  Zhang, Ren and Urtasun, Graph hypernetworks for neural architecture search,
  Sec. 3, https://arxiv.org/abs/1810.05749
  Ha, Dai and Le, HyperNetworks, Sec. 4.1, https://arxiv.org/abs/1609.09106, for
  chunks with embeddings of their places
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

# Channels of a chunk, and chunks side by side that differ.
CHUNK = 8
NUM_PLACES = 16


class Shape(NamedTuple):
  """Of a kernel.

  Attributes:
    window: Height and width.
    inputs: Channels.
    outputs: Channels; 1 of a depthwise kernel.
    is_depthwise: Whether it convolves each channel by itself.
  """

  window: int
  inputs: int
  outputs: int
  is_depthwise: bool

  @property
  def size(self) -> int:
    """Numbers in it."""
    return self.window**2 * self.inputs * self.outputs

  @property
  def family(self) -> Family:
    """Which layer predicts it."""
    return Family(self.window, self.is_depthwise)


class Family(NamedTuple):
  """Kernels of which all chunks have one size.

  Attributes:
    window: Height and width.
    is_depthwise: Whether they convolve each channel by itself.
  """

  window: int
  is_depthwise: bool

  @property
  def chunk(self) -> int:
    """Numbers in a chunk."""
    return self.window**2 * CHUNK * (1 if self.is_depthwise else CHUNK)


class Request(NamedTuple):
  """A kernel that is wanted.

  Attributes:
    node: Of the operation that it belongs to: a row of the embeddings.
    slot: Tells apart the kernels of one operation.
    shape: The kernel's.
  """

  node: int
  slot: int
  shape: Shape


class Kernels(tf.Module):
  """Predicts flat kernels from the embeddings of their operations.

      y = relu(A h + slot + row + column);  chunk = B_family y

  A chunk has the weights of 8 input and 8 output channels, of a depthwise
  kernel those of 8 channels. `row` and `column` are embeddings of its place;
  beyond 128 channels they repeat. B is one matrix for each size of a window.
  A kernel is divided by the root of its fan-in, so that it begins as large as
  an ordinary one; batch norm undoes its scale.

  Differs from the paper, which repeats one chunk over all channels.

  Attributes:
    hidden: The first layer.
    slots: float32 variable [slots, units].
    rows: float32 variable [16, units].
    columns: float32 variable [16, units].
    outputs: The second layer of each family.
  """

  def __init__(
    self,
    num_inputs: int,
    num_units: int,
    num_slots: int,
    families: Sequence[Family],
  ):
    """Makes the variables.

    Args:
      num_inputs: Of an embedding.
      num_units: Of the first layer.
      num_slots: Kernels of one operation that are told apart, at most.
      families: Of all kernels that will be asked for.
    """
    super().__init__(name='kernels')
    self.hidden = tf.keras.layers.Dense(num_units, name='hidden')
    self.hidden.build([None, num_inputs])
    self.slots, self.rows, self.columns = (
      tf.Variable(tf.random.normal([count, num_units], stddev=0.5), name=name)
      for name, count in (
        ('slots', num_slots),
        ('rows', NUM_PLACES),
        ('columns', NUM_PLACES),
      )
    )
    self.outputs = [
      tf.keras.layers.Dense(
        family.chunk,
        kernel_initializer=tf.keras.initializers.HeNormal(),
        name=f'{"depthwise" if family.is_depthwise else "full"}_'
        f'{family.window}',
      )
      for family in families
    ]
    for layer in self.outputs:
      layer.build([None, num_units])
    self._families = tuple(families)

  def __call__(
    self, embeddings: tf.Tensor, requests: Sequence[Request]
  ) -> list[tf.Tensor]:
    """The kernels, in the order of the requests, each flat.

    Args:
      embeddings: float32 [nodes, H].
      requests: Of families that it was made for.

    Returns:
      float32 [shape.size] each, in the order of TensorFlow's kernels.
    """
    found = [None] * len(requests)
    for family, layer in zip(self._families, self.outputs):
      numbers = [i for i, r in enumerate(requests) if r.shape.family == family]
      if numbers:
        made = self._of_family(
          layer, embeddings, [requests[i] for i in numbers]
        )
        for number, kernel in zip(numbers, made):
          found[number] = kernel
    return found

  def _of_family(
    self,
    layer: tf.keras.layers.Layer,
    embeddings: tf.Tensor,
    requests: Sequence[Request],
  ) -> list[tf.Tensor]:
    chunks, indices, scales = _plan(requests)
    node, slot, row, column = chunks.T
    hidden = self.hidden(tf.gather(embeddings, node))  # [chunks, units]
    hidden += tf.gather(self.slots, slot) + tf.gather(self.rows, row)
    hidden += tf.gather(self.columns, column)
    made = layer(tf.nn.relu(hidden))
    flat = tf.gather(tf.reshape(made, [-1]), indices) * scales
    return tf.split(flat, [request.shape.size for request in requests])


def _plan(
  requests: Sequence[Request],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """What chunks there are, and where each number of the kernels is in them.

  Args:
    requests: Of one family.

  Returns:
    Integers [chunks, 4], node, slot, row and column of each chunk; integers
    [numbers], indices into all chunks; float32 [numbers], factors.
  """
  chunks, indices, scales = [], [], []
  for node, slot, shape in requests:
    columns = 1 if shape.is_depthwise else -(-shape.outputs // CHUNK)
    rows = -(-shape.inputs // CHUNK)
    indices.append(len(chunks) * shape.family.chunk + _indices(shape, columns))
    chunks += [
      (node, slot, row % NUM_PLACES, column % NUM_PLACES)
      for row, column in itertools.product(range(rows), range(columns))
    ]
    fan_in = shape.window**2 * (1 if shape.is_depthwise else shape.inputs)
    scales.append(np.full(shape.size, fan_in**-0.5, np.float32))
  return np.array(chunks), np.concatenate(indices), np.concatenate(scales)


def _indices(shape: Shape, num_columns: int) -> np.ndarray:
  """Where each number of a kernel is in its chunks, integers [size]."""
  window = np.arange(shape.window**2)[:, None, None]
  row, i = np.divmod(np.arange(shape.inputs), CHUNK)
  column, o = np.divmod(np.arange(shape.outputs), CHUNK)
  width = 1 if shape.is_depthwise else CHUNK
  inner = (window * CHUNK + i[:, None]) * width + o
  chunk = row[:, None] * num_columns + column
  return (chunk * shape.family.chunk + inner).ravel().astype(np.int32)

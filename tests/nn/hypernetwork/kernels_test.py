"""Kernels are made of the chunks that belong to their channels."""

import numpy as np
import tensorflow as tf

from deeplab_nas.nn.hypernetwork import kernels

CHUNK = kernels.CHUNK
SHAPES = (
  kernels.Shape(3, 20, 9, False),
  kernels.Shape(1, 5, 17, False),
  kernels.Shape(5, 11, 1, True),
  kernels.Shape(3, 8, 8, False),
)
REQUESTS = [kernels.Request(i % 2, i, shape) for i, shape in enumerate(SHAPES)]


def build():
  tf.keras.utils.set_random_seed(0)
  families = sorted({shape.family for shape in SHAPES})
  return kernels.Kernels(6, 7, len(SHAPES), families), families


def chunk(made, families, request, state, row, column):
  """That of one place, from the two layers themselves."""
  hidden = state @ made.hidden.kernel.numpy() + made.hidden.bias.numpy()
  hidden = hidden + made.slots.numpy()[request.slot]
  hidden = hidden + made.rows.numpy()[row] + made.columns.numpy()[column]
  layer = made.outputs[families.index(request.shape.family)]
  found = np.maximum(hidden, 0) @ layer.kernel.numpy() + layer.bias.numpy()
  width = 1 if request.shape.is_depthwise else CHUNK
  window = request.shape.window
  return found.reshape([window, window, CHUNK, width])


def test_each_weight_is_where_its_channels_say():
  made, families = build()
  states = np.random.default_rng(0).normal(size=(2, 6)).astype(np.float32)
  found = made(tf.constant(states), REQUESTS)
  for request, kernel in zip(REQUESTS, found):
    shape = request.shape
    kernel = kernel.numpy().reshape(
      [shape.window, shape.window, shape.inputs, shape.outputs]
    )
    fan_in = shape.window**2 * (1 if shape.is_depthwise else shape.inputs)
    for i in range(shape.inputs):
      for o in range(shape.outputs):
        expected = chunk(
          *(made, families, request, states[request.node]),
          *(i // CHUNK, o // CHUNK),
        )[:, :, i % CHUNK, o % CHUNK]
        np.testing.assert_allclose(
          kernel[:, :, i, o], expected / np.sqrt(fan_in), rtol=1e-4, atol=1e-6
        )


def test_beyond_sixteen_chunks_they_repeat():
  made, _ = build()
  count = kernels.NUM_PLACES * CHUNK
  shape = kernels.Shape(1, 2 * count, 3, False)
  request = kernels.Request(0, 1, shape)
  (found,) = made(tf.ones([1, 6]), [request])
  found = found.numpy().reshape([2 * count, 3])
  # How a product of matrices rounds can depend on the row.
  np.testing.assert_allclose(found[:count], found[count:], rtol=0, atol=1e-6)
  assert len(np.unique(found[:count].round(4), axis=0)) == count


def test_a_kernel_begins_about_as_large_as_an_ordinary_one():
  made, _ = build()
  shape = kernels.Shape(3, 64, 64, False)
  states = tf.random.stateless_normal([1, 6], [0, 0])
  (found,) = made(states, [kernels.Request(0, 0, shape)])
  # Of unit inputs, the outputs have a variance of about 1.
  assert 0.3 < 9 * 64 * np.var(found.numpy()) < 3

"""Winograd's algorithm gives what the convolution gives."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import winograd
from tests.nn import closeness, plain


def random_kernel(channels=5, filters=7):
  rng = np.random.default_rng(1)
  kernel = rng.normal(size=[3, 3, channels, filters]).astype(np.float32)
  return kernel, rng.normal(size=filters).astype(np.float32)


@pytest.mark.parametrize(
  'shape',
  [
    (1, 1, 1),
    (1, 4, 4),
    (2, 5, 3),
    (3, 17, 9),
    # More patches than a strip has, in one row and in several.
    (1, 2, 4 * winograd.PATCHES_PER_STRIP + 1),
    (2, 70, 63),
  ],
)
def test_it_is_the_convolution(shape):
  kernel, bias = random_kernel()
  x = plain.images(*shape, 5)
  y = winograd.conv2d(x, winograd.transform_kernel(kernel), bias)
  closeness.assert_close([y], [plain.conv(x, kernel) + bias], 1e-5)


def test_sizes_that_are_known_late_change_nothing():
  kernel, bias = random_kernel()
  transformed = winograd.transform_kernel(kernel)
  traced = tf.function(
    lambda x: winograd.conv2d(x, transformed, bias),
    input_signature=[tf.TensorSpec([None, None, None, 5])],
  )
  for shape in ((1, 3, 8), (2, 65, 33)):
    x = plain.images(*shape, 5)
    closeness.assert_close([traced(x)], [plain.conv(x, kernel) + bias], 1e-5)


def test_a_quarter_of_the_multiplications_and_no_convolution():
  kernel, bias = random_kernel()
  transformed = winograd.transform_kernel(kernel)
  assert transformed.shape == (36, 5, 7) and transformed.dtype == np.float32
  direct = winograd.OUT**2 * winograd.KERNEL**2
  assert winograd.IN**2 / direct == 1 / 4
  function = tf.function(lambda x: winograd.conv2d(x, transformed, bias))
  traced = function.get_concrete_function(tf.TensorSpec([1, 9, 9, 5]))
  graph = traced.graph.as_graph_def()
  nodes = [n for f in graph.library.function for n in f.node_def]
  ops = [node.op for node in (*graph.node, *nodes)]
  # Patches, the products, and back.
  assert sum('MatMul' in op for op in ops) == 3
  assert 'Conv2D' not in ops


def test_a_layer_has_the_transformed_kernel_and_a_bias():
  layer = winograd.Conv2D(7)
  x = plain.images(1, 9, 8, 5)
  layer(x)
  kernel, bias = random_kernel()
  layer.set_weights([winograd.transform_kernel(kernel), bias])
  closeness.assert_close([layer(x)], [plain.conv(x, kernel) + bias], 1e-5)


def test_it_pays_where_there_is_no_gpu(monkeypatch):
  monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [])
  assert winograd.pays()
  monkeypatch.setattr(tf.config, 'list_physical_devices', lambda kind: [kind])
  assert not winograd.pays()

"""3x3 convolutions with a quarter of the multiplications, for inference.

Winograd's F(4x4, 3x3): 4x4 pixels of the output are computed from 6x6 of the
input, transformed so that the convolution is a product at each of 36 places:

  y = A^T [(G g G^T) * (B^T d B)] A

with the kernel g (transformed once, when it is set), the patch d and the output
y, for each channel. Over all channels and patches the product is 36 matrix
products; 36 multiplications stand for 144.

Images are cut into strips of rows: what is transformed is 2.25 times as large
as the input, and of one strip it stays in the cache.

Reference:
  Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, Sec. 4.3,
  https://arxiv.org/abs/1509.09308
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

OUT, IN, KERNEL = 4, 6, 3  # pixels of a patch, each way
_BORDER = IN - OUT
PATCHES_PER_STRIP = 256
_G = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
]
_B_T = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
]
_A_T = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
]


def pays() -> bool:
  """Whether this machine should use it.

  A GPU's library has such kernels of its own, and its matrix products may round
  to ten bits, which the transforms would magnify.
  """
  return not tf.config.list_physical_devices('GPU')


def transform_kernel(kernel: np.ndarray) -> np.ndarray:
  """float32 [36, I, O] from a kernel float32 [3, 3, I, O]."""
  places = np.einsum('ki,lj,ijco->klco', _G, _G, np.asarray(kernel, np.float64))
  return places.reshape(IN * IN, *kernel.shape[2:]).astype(np.float32)


def conv2d(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
  """Convolution of stride 1 with 'SAME' padding, and a bias.

  Args:
    x: float [B, H, W, I].
    kernel: float [36, I, O], transformed.
    bias: float [O].

  Returns:
    float [B, H, W, O].
  """
  shape = tf.shape(x)
  batch, height, width = shape[0], shape[1], shape[2]
  num_rows, num_columns = -(-height // OUT), -(-width // OUT)  # of patches
  spare = [OUT * num_rows - height, OUT * num_columns - width]
  # A convolution starts one pixel outside; patches have to be whole.
  x = tf.pad(x, [[0, 0], *([1, 1 + n] for n in spare), [0, 0]])
  strip_rows = tf.maximum(PATCHES_PER_STRIP // num_columns, 1)
  num_strips = -(-num_rows // strip_rows)
  strips = tf.TensorArray(
    x.dtype, batch * num_strips, infer_shape=False, element_shape=[None] * 3
  )

  def add(index, strips):
    first = (index % num_strips) * strip_rows
    rows = tf.range(first, tf.minimum(first + strip_rows, num_rows))
    patches = _patches(x, index // num_strips, rows, tf.range(num_columns))
    y = _convolved(patches, kernel, bias)
    y = tf.raw_ops.BatchToSpaceND(
      input=y, block_shape=[OUT, OUT], crops=[[0, 0], [0, spare[1]]]
    )
    return index + 1, strips.write(index, y[0])

  _, strips = tf.while_loop(
    lambda index, _: index < batch * num_strips,
    add,
    [0, strips],
    parallel_iterations=1,
  )
  y = tf.reshape(
    strips.concat(), [batch, OUT * num_rows, width, kernel.shape[-1]]
  )
  return y[:, :height]


def _patches(
  x: tf.Tensor, image: tf.Tensor, rows: tf.Tensor, columns: tf.Tensor
) -> tf.Tensor:
  """Overlapping patches, float [6 * 6, R, C, I].

  Args:
    x: float [B, OUT * n + 2, OUT * m + 2, I].
    image: int32 [], which one of the batch.
    rows: int32 [R], numbers of patches.
    columns: int32 [C], numbers of patches.
  """
  _, height, width, _ = tf.unstack(tf.shape(x))
  inside = tf.range(IN)[:, tf.newaxis]
  y = image * height + OUT * rows + inside  # [6, R]
  places = (y * width)[:, tf.newaxis, :, tf.newaxis] + (
    (OUT * columns + inside)[tf.newaxis, :, tf.newaxis]  # [1, 6, 1, C]
  )
  pixels = tf.reshape(x, [-1, x.shape[-1]])
  shape = [IN * IN, tf.size(rows), tf.size(columns)]
  return tf.gather(pixels, tf.reshape(places, shape))


def _convolved(
  patches: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
) -> tf.Tensor:
  """float [4 * 4, R, C, O] of patches float [6 * 6, R, C, I]."""
  _, rows, columns, _ = tf.unstack(tf.shape(patches))
  x = _transformed(_B_T, patches)
  x = tf.reshape(x, [IN * IN, rows * columns, kernel.shape[1]])
  x = tf.matmul(x, kernel)  # [36, R * C, O]
  y = tf.reshape(
    _transformed(_A_T, x), [OUT * OUT, rows, columns, bias.shape[0]]
  )
  return tf.nn.bias_add(y, bias)


def _transformed(matrix: list[list[int]], x: tf.Tensor) -> tf.Tensor:
  """M x M^T of the patches whose pixels are the first axis, [m * m, ...]."""
  both = tf.constant(np.kron(matrix, matrix), x.dtype)
  return tf.matmul(both, tf.reshape(x, [both.shape[1], -1]))


class Conv2D(tf.keras.layers.Layer):
  """A 3x3 convolution of float [B, H, W, C] with stride 1 and 'SAME' padding.

  Its weights are those that `set_weights` is given: the kernel transformed.

  Attributes:
    filters: Channels of the output.
  """

  def __init__(self, filters: int, name: str | None = None):
    super().__init__(name=name)
    self.filters = filters

  def build(self, input_shape):
    self.kernel = self.add_weight(
      'kernel', [IN * IN, input_shape[-1], self.filters]
    )
    self.bias = self.add_weight('bias', [self.filters], initializer='zeros')
    super().build(input_shape)

  def call(self, x: tf.Tensor) -> tf.Tensor:
    return conv2d(x, tf.cast(self.kernel, x.dtype), tf.cast(self.bias, x.dtype))

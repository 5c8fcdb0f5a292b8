"""Which convolutions TensorFlow can learn on this machine.

On a processor it has the gradients of grouped and of atrous ones through oneDNN
only, and in bfloat16 on some processors.
"""

from __future__ import annotations

import functools

import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.runtime import onednn


@functools.cache
def exist(dtype: tf.DType = tf.float32, groups: int = 1, rate: int = 1) -> bool:
  """Whether input and kernel of a full convolution have gradients.

  Args:
    dtype: float32, bfloat16 or float16.
    groups: Groups of channels.
    rate: Atrous rate.
  """
  x = tf.ones([1, 5, 5, 2 * groups], dtype)
  kernel = tf.ones([3, 3, 2, 2 * groups], dtype)
  try:
    with tf.GradientTape() as tape:
      tape.watch([x, kernel])
      y = tf.nn.conv2d(x, kernel, 1, 'SAME', dilations=rate)
    tape.gradient(y, [x, kernel])
  except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
    return False
  return True


def require(setting: str, precision: str) -> None:
  """Refuses a precision in which atrous convolutions cannot be learnt here.

  Args:
    setting: Where the user asked for it, `section.key`.
    precision: Keras' policy, such as 'mixed_bfloat16'.

  Raises:
    UserError: If they cannot.
  """
  policy = tf.keras.mixed_precision.Policy(precision)
  dtype = tf.as_dtype(policy.compute_dtype)
  if exist(dtype, rate=2):
    return
  remedy = f'set {setting}=float32'
  if dtype == tf.float32:
    remedy = f'on an x86 processor {onednn.REMEDY}'
  raise errors.UserError(
    f'TensorFlow cannot learn atrous convolutions in {dtype.name} on this'
    f' machine: {remedy}.'
  )

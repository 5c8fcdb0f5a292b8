"""How near two computations of the same function have to be."""

import numpy as np
import tensorflow as tf


def assert_close(actual, expected, tolerance=1e-4):
  """Largest difference relative to the largest value, tensor by tensor."""
  assert len(actual) == len(expected)
  for i, (a, b) in enumerate(zip(actual, expected)):
    a, b = (np.asarray(tf.convert_to_tensor(x)) for x in (a, b))
    assert a.shape == b.shape
    if not b.size:
      continue
    assert np.isfinite(a).all(), f'tensor {i} is not finite'
    errors = np.abs(a - b) / max(np.abs(b).max(), 1e-6)
    assert errors.max() < tolerance, (
      f'tensor {i} of shape {a.shape}: error {errors.max()}, too large in'
      f' {(errors >= tolerance).sum()} of {errors.size} elements'
    )

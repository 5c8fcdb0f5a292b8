"""TensorProto to NumPy and back, for a client that needs no TensorFlow.

Reference:
  https://github.com/tensorflow/tensorflow/blob/master/tensorflow/core/framework/tensor.proto
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

# Numbers in types.proto, by what holds the values when they are listed.
_DT_STRING = 7
_NUMPY_TYPES = {
  1: (np.float32, 'float_val'),
  3: (np.int32, 'int_val'),
  4: (np.uint8, 'int_val'),
  9: (np.int64, 'int64_val'),
}


def fill_strings(proto: Any, values: Sequence[bytes]) -> None:
  """Makes a TensorProto a string [len(values)]."""
  proto.dtype = _DT_STRING
  proto.tensor_shape.dim.add().size = len(values)
  proto.string_val.extend(values)


def to_array(proto: Any) -> np.ndarray:
  """Values of a TensorProto; those of strings are `bytes` objects."""
  shape = [dim.size for dim in proto.tensor_shape.dim]
  if proto.dtype == _DT_STRING:
    values = np.array(list(proto.string_val), dtype=object)
    return values.reshape(shape)
  if proto.dtype not in _NUMPY_TYPES:
    raise ValueError(f'a tensor has the type {proto.dtype}, which is not known')
  dtype, field = _NUMPY_TYPES[proto.dtype]
  if proto.tensor_content:
    return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
  values = np.array(getattr(proto, field), dtype)
  count = int(np.prod(shape))
  # The last of the listed values stands for all that are not listed.
  if 0 < values.size < count:
    values = np.pad(values, (0, count - values.size), mode='edge')
  elif not values.size:
    values = np.zeros(count, dtype)
  return values.reshape(shape)

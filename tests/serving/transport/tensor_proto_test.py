from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.serving.transport import tensor_proto


@pytest.mark.parametrize('dtype', [np.uint8, np.int32, np.int64, np.float32])
@pytest.mark.parametrize('shape', [(), (3,), (2, 3, 4), (0, 2), (1, 1)])
def test_numbers_read_as_tensorflow_wrote_them(dtype, shape):
  value = np.arange(np.prod(shape, dtype=int)).astype(dtype).reshape(shape)
  for expected in (value, np.full_like(value, 7), np.zeros_like(value)):
    found = tensor_proto.to_array(tf.make_tensor_proto(expected))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, expected)


def test_listed_values_and_a_repeated_last_one():
  proto = tf.compat.v1.make_tensor_proto(0)
  proto.dtype = tf.uint8.as_datatype_enum
  for size in (2, 3):
    proto.tensor_shape.dim.add().size = size
  proto.int_val[:] = [5, 1, 2]
  expected = tf.make_ndarray(proto)
  np.testing.assert_array_equal(tensor_proto.to_array(proto), expected)


def test_strings_are_bytes_both_ways():
  values = [b'\x00\xff', b'', b'text']
  proto = tf.make_tensor_proto([b'x'])
  proto.Clear()
  tensor_proto.fill_strings(proto, values)
  assert tf.make_ndarray(proto).tolist() == values
  assert tensor_proto.to_array(proto).tolist() == values


def test_other_types_are_refused():
  with pytest.raises(ValueError, match='type 10'):
    tensor_proto.to_array(tf.make_tensor_proto(True))

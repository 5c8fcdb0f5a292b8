"""Records of operations: what they are and where their input comes from."""

import pytest

from deeplab_nas.space import operations, primitives
from deeplab_nas.space.operations import Operation


def test_equal_operations_are_equal_values():
  one = Operation('sep_conv', 3, 1, 2, 8, 8, 5, 9)
  assert one == Operation('sep_conv', 3, 1, 2, 8, 8, 5, 9)
  assert one != one._replace(stride=1)
  assert str(one) == 'sep_conv 3x3 rate 1 stride 2, 8 -> 8 channels at 5 x 9'


@pytest.mark.parametrize(
  'kind, stride, size',
  [
    ('conv_bn', 1, (5, 9)),
    ('conv_bn', 2, (9, 17)),
    ('downsample', 2, (9, 17)),
    ('upsample', 2, (3, 5)),
    ('upsample', 4, (2, 3)),
    ('broadcast', 1, (1, 1)),
    ('mean', 1, (5, 9)),
  ],
)
def test_inputs_align_corners_with_outputs(kind, stride, size):
  assert Operation(kind, 1, 1, stride, 8, 8, 5, 9).input_size == size


def test_what_strides_has_no_rate():
  atrous = primitives.ATROUS_CONV_3X3
  (op,) = operations.of_primitive(atrous, 8, 1, (5, 9))
  assert op == Operation('atrous_conv', 3, 2, 1, 8, 8, 5, 9)
  (op,) = operations.of_primitive(atrous, 8, 2, (5, 9))
  assert op == Operation('atrous_conv', 3, 1, 2, 8, 8, 5, 9)


def test_identities_are_no_operations():
  assert operations.of_primitive(primitives.SKIP, 8, 1, (5, 9)) == ()
  assert operations.of_primitive(primitives.NONE, 8, 2, (5, 9)) == ()
  assert len(operations.of_primitive(primitives.SKIP, 8, 2, (5, 9))) == 1


def test_unknown_kinds_are_refused():
  with pytest.raises(ValueError, match="kind 'swirl'; costs are known for co"):
    operations.count(Operation('swirl', 1, 1, 1, 1, 1, 1, 1))

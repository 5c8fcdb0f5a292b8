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


@pytest.mark.parametrize(
  'cost, text',
  [
    ((0, 0, 0), '0 parameters, 0 multiply-adds, 0 bytes of activations'),
    (
      (44_900, 6_160_000, 99_999),
      '44.90 K parameters, 6.16 M multiply-adds, 100.00 KB of activations',
    ),
    (
      (100_000, 1e8, 1e8),
      '0.10 M parameters, 0.10 B multiply-adds, 0.10 GB of activations',
    ),
    (
      (2e9, 5e12, 7e10),
      '2000.00 M parameters, 5000.00 B multiply-adds, 70.00 GB of activations',
    ),
  ],
)
def test_costs_are_shown_in_units_that_fit(cost, text):
  assert str(operations.Cost(*cost)) == text

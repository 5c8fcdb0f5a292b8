from __future__ import annotations

import pytest

from deeplab_nas.data import mask_advice


def advice(unknown, known=(), likely=None, num_classes=3) -> str:
  found = dict.fromkeys(map(str, unknown), 1)
  return mask_advice.advice(found, known, likely or {}, num_classes)


@pytest.mark.parametrize(
  ('unknown', 'known', 'num_classes', 'expected'),
  [
    ((2,), (1,), 2, '--map=1:0,2:1'),
    ((3,), (1, 2, 255), 3, '--map=1:0,2:1,3:2'),
    ((2, 3, 4), (1,), 2, 'name 4 classes in the labels file'),
    ((2, 3, 4), (1,), 2, '--map=1:0,2:1,3:2,4:3'),
    ((4, 6), (1, 2), 3, 'name 6 classes'),
  ],
)
def test_masks_without_0_count_from_1(unknown, known, num_classes, expected):
  found = advice(unknown, known, num_classes=num_classes)
  assert 'no mask holds 0' in found and expected in found
  assert 'ignore' not in found
  assert 'no mask' not in advice(unknown, (0, *known), num_classes=num_classes)


@pytest.mark.parametrize('values', [(1, 9), (5, 6), (1000,)])
def test_other_values_do_not_count_from_1(values):
  assert 'no mask holds 0' not in advice(values)


@pytest.mark.parametrize(
  ('values', 'num_classes', 'expected'),
  [
    ((0, 85, 170, 255), 4, '85:1,170:2,255:3'),
    ((85, 255), 4, '85:1,255:3'),
    ((0, 127, 255), 3, '127:1,255:2'),
    ((0, 128, 255), 3, '128:1,255:2'),
    ((0, 255), 2, '255:1'),
    ((0, 17, 34, 255), 16, '17:1,34:2,255:15'),
  ],
)
def test_stretched_values_are_classes(values, num_classes, expected):
  unknown = [value for value in values if num_classes <= value < 255]
  known = [value for value in values if value not in unknown]
  if not unknown:
    unknown, known = [255], [0]
  found = advice(unknown, known, num_classes=num_classes)
  assert f'--map={expected} ' in found


@pytest.mark.parametrize('values', [(100, 255), (85, 170), (90, 170, 255)])
def test_other_greys_are_not_stretched(values):
  assert f'{values[0]}:ignore' in advice(values, num_classes=4)


def test_stretched_values_of_more_classes_are_named():
  found = advice((85, 170, 255), (0,), num_classes=2)
  assert 'name 4 classes' in found and '--map=85:1,170:2,255:3' in found


@pytest.mark.parametrize(
  ('unknown', 'known', 'num_classes', 'expected'),
  [
    ((10, 20), (), 2, '10:0,20:1'),
    ((128,), (0,), 2, '128:1'),
    ((7,), (0, 1), 3, '7:2'),
    ((1000,), (0,), 2, '1000:1'),
    ((128,), (255,), 2, '128:0,255:1'),
  ],
)
def test_as_many_values_as_classes_are_these(
  unknown, known, num_classes, expected
):
  found = advice(unknown, known, num_classes=num_classes)
  assert found.endswith(f'--map={expected}') and 'in their order' in found


def test_more_values_than_classes_name_the_missing_ones():
  found = advice((100, 200), (0,), num_classes=2)
  assert found.startswith('name the missing classes')
  assert '--map=100:ignore,200:ignore' in found


def test_the_greys_of_colours_are_mapped():
  likely = {'76': 1, '29': 2, '0': 0}
  found = advice((76, 29), (0,), likely)
  assert '--map=0:0,29:2,76:1' in found
  assert '76:ignore' in advice((76, 31, 9), (0,), likely)
  found = advice(['#4c4c4c', '#1d1d1d'], (), {'#4c4c4c': 1, '#1d1d1d': 2})
  assert '--map=#1d1d1d:2,#4c4c4c:1, or save the masks in colour' in found


def test_one_more_value_is_a_missing_class():
  found = advice((3,), (0, 1, 2))
  assert found.startswith('name the missing class')
  assert '--map=3:ignore' in found and '--map=0:ignore,1:0,2:1,3:2' in found


def test_colours_are_listed():
  assert '#090909:ignore' in advice(['#090909'])


@pytest.mark.parametrize(
  ('unknown', 'known', 'num_classes', 'expected'),
  [
    ((127,), (0, 1, 2, 255), 3, '--map=127:1,255:2,'),
    ((254,), (0, 1), 2, '--map=254:1,'),
    ((128,), (0, 1), 2, '--map=128:1,'),
    ((85, 170), (0, 1, 3, 255), 4, '--map=85:1,170:2,255:3,'),
  ],
)
def test_indices_beside_greys_lose_no_class(
  unknown, known, num_classes, expected
):
  found = advice(unknown, known, num_classes=num_classes)
  assert expected in found
  assert ','.join(f'{value}:ignore' for value in unknown) in found


def test_one_value_too_many_is_a_class_without_a_name():
  found = advice([2], [0, 1], num_classes=2)
  assert 'name the missing class' in found

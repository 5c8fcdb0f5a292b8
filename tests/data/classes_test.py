"""What can be learnt, and what is not as it was."""

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.data import classes, dataset_info


def described(names, pixels=None, ignore_label=255):
  info = dataset_info.DatasetInfo(
    'made', tuple(names), tuple((i, i, i) for i in range(len(names)))
  )
  splits = {}
  if pixels:
    size = (4, 4)
    splits['train'] = dataset_info.SplitInfo(1, 1, size, size, tuple(pixels))
  return dataclasses.replace(info, splits=splits, ignore_label=ignore_label)


@pytest.mark.parametrize(
  'info, expected',
  [
    (described(['crack']), 'one class that counts, crack'),
    (described(['background']), 'such as other'),
    (described(['void', 'crack'], ignore_label=0), 'class that counts, crack'),
    (described(['road', 'crack'], [9, 0]), 'Of 2 classes road occurs'),
    (
      described(['void', 'a', 'b'], [9, 0, 4], ignore_label=0),
      'Of 2 classes b occurs',
    ),
    (described(['road', 'crack'], [0, 0]), 'Of 2 classes none occurs'),
  ],
)
def test_what_a_constant_would_solve_is_refused(info, expected):
  with pytest.raises(errors.UserError, match='nothing can be learnt') as caught:
    classes.require_several(info, 'train')
  assert expected in str(caught.value)


@pytest.mark.parametrize(
  'info',
  [
    described(['road', 'crack']),
    described(['road', 'crack'], [9, 1]),
    described(['void', 'a', 'b'], [0, 4, 4], ignore_label=0),
  ],
)
def test_two_classes_can_be_learnt(info):
  assert classes.require_several(info, 'train') is None


THEN = described(['road', 'sky', 'car'])


@pytest.mark.parametrize(
  'now, expected',
  [
    (THEN, ''),
    (described(['road', 'sky']), 'there are 2 classes (road, sky), there were'),
    (
      described(['sky', 'road', 'car']),
      'class 0 is sky, was road, class 1 is road, was sky',
    ),
    (
      described(['road', 'sky', 'car'], ignore_label=0),
      'the ignore label is 0, was 255',
    ),
    (
      dataclasses.replace(THEN, palette=((0, 0, 0), (9, 8, 7), (2, 2, 2))),
      'the colour of class sky is [9, 8, 7], was [1, 1, 1]',
    ),
  ],
)
def test_the_difference_names_both_sides(now, expected):
  found = classes.difference(now, THEN)
  assert found.startswith(expected) and bool(found) == bool(expected)
  is_of_colours = not expected or 'colour' in expected
  assert classes.is_of_colours_alone(now, THEN) == is_of_colours

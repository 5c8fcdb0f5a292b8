from __future__ import annotations

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.data import dataset_info, findings

INFO = dataset_info.DatasetInfo('x', ('a', 'b'), ((0, 0, 0), (9, 9, 9)))


def counts(histogram: dict[int, int], **fields) -> findings.Counts:
  values = tuple(histogram.get(value, 0) for value in range(256))
  return findings.Counts(num_masks=1, histogram=values, **fields)


def test_counts_add_up():
  total = findings.Counts()
  for size, mean in (((2, 9), 10.0), ((4, 3), 40.0)):
    pixels = size[0] * size[1]
    total += counts(
      {0: pixels},
      num_examples=1,
      pixels=pixels,
      channel_sums=(pixels * mean,) * 3,
      max_size=size,
      min_size=size,
      largest_image=size,
    )
  assert (total.num_examples, total.num_masks, total.pixels) == (2, 2, 30)
  assert (total.max_size, total.min_size) == ((4, 9), (2, 3))
  assert total.largest_image == (2, 9)
  assert total.mean_pixel() == (22.0, 22.0, 22.0)
  assert total.labelled(2, 255) == (30, 0)


def test_ignored_class_is_not_counted_as_labelled():
  assert counts({0: 5, 1: 6}).labelled(2, ignore_label=0) == (0, 6)


def test_nothing_to_say_raises_nothing():
  problems = findings.Problems()
  assert not problems
  problems.raise_if_any(2)


def test_single_unknown_255_is_taken_for_the_missing_class():
  problems = findings.Problems()
  problems.add_unknown('m.png', {'255': 1234})
  with pytest.raises(errors.UserError) as refusal:
    problems.raise_if_any(2)
  assert str(refusal.value) == (
    'm.png holds values that are none of the 2 classes: 255 (1,234 pixels);'
    ' convert with --map=255:1 or correct the list of classes.'
  )


@pytest.mark.parametrize(
  'number, text', [(1, '1 pixel'), (1234, '1,234 pixels')]
)
def test_one_is_no_plural(number, text):
  problems = findings.Problems()
  problems.add_unknown('m.png', {'7': number})
  with pytest.raises(errors.UserError) as refusal:
    problems.raise_if_any(2)
  assert f': 7 ({text});' in str(refusal.value)


def test_one_problem_more_than_are_listed():
  problems = findings.Problems()
  for number in range(findings.MAX_REPORTED + 1):
    problems.add(f'Problem {number}.')
  with pytest.raises(errors.UserError) as refusal:
    problems.raise_if_any()
  assert str(refusal.value).splitlines()[-1] == 'There is 1 more problem.'


def test_blank_split_is_refused():
  problems = findings.Problems()
  findings.check_split('val', counts({255: 9}), INFO, problems)
  with pytest.raises(errors.UserError, match='Split val has no labelled pixel'):
    problems.raise_if_any()


@pytest.mark.parametrize(
  ('histogram', 'ignore', 'mapped', 'is_refused'),
  [
    ({0: 5, 255: 5}, 255, {}, True),
    ({0: 5, 255: 5}, 255, {255: 255}, False),
    ({0: 5, 255: 5}, 0, {}, False),
    ({0: 5, 1: 1, 255: 5}, 255, {}, False),
    ({0: 5}, 255, {}, False),
  ],
)
def test_binary_masks_are_distinguished_from_others(
  histogram, ignore, mapped, is_refused
):
  problems = findings.Problems()
  findings.check_binary(counts(histogram), ignore, mapped, problems)
  assert bool(problems) == is_refused


def test_what_is_absent_is_counted_and_named():
  assert findings.describe_absent(['car'], 3) == (
    '1 of 3 classes never occurs: car'
  )
  assert findings.describe_absent(['bus', 'train'], 19) == (
    '2 of 19 classes never occur: bus, train'
  )


def test_absent_classes_are_named_unless_ignored():
  split = counts({0: 5}).split_info(1, 2, 255)
  info = dataclasses.replace(INFO, splits={'train': split, 'val': split})
  assert findings.absent_classes(info) == ['b']
  assert not findings.absent_classes(dataclasses.replace(info, ignore_label=1))


def test_known_values_tell_what_unknown_ones_are():
  problems = findings.Problems()
  problems.add_known([1, 255])
  problems.add_unknown('m.png', {'2': 7})
  with pytest.raises(errors.UserError, match='convert with --map=1:0,2:1'):
    problems.raise_if_any(2)

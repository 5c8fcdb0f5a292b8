"""Sizes, counts and frequencies that decide settings."""

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.config import data_facts
from tests.config import made_info


def facts_of(info, train='train', val='val'):
  return data_facts.DataFacts.from_info(info, train, val)


def test_they_are_those_of_the_description():
  facts = facts_of(made_info.DATA['cracks'])
  assert (facts.num_images, facts.num_val) == (94, 24)
  assert facts.size == (320, 480)
  assert facts.num_classes == 2
  assert facts.shares == pytest.approx({'class_0': 0.985, 'class_1': 0.015})
  assert facts.described() == (
    '94 training and 24 validation images of up to 320 x 480 pixels,'
    ' 2 classes that occur'
  )


def test_the_size_is_the_largest_of_both_splits_on_either_side():
  info = made_info.made(10, (48, 64), (0.5, 0.5))
  splits = dict(info.splits)
  splits['val'] = dataclasses.replace(
    splits['val'],
    max_size=(40, 90),
    largest_image=(38, 90),
    class_pixels=(3420, 3420),
    ignored_pixels=3420,
    num_examples=3,
  )
  info = dataclasses.replace(info, splits=splits)
  facts = facts_of(info)
  assert facts.size == (48, 90)
  assert facts.largest == (38, 90)
  assert facts.mean_pixels == (10 * 48 * 64 + 3 * 38 * 90) / 13
  assert facts.padded_pixels == 48 * 90


def test_padding_is_counted_as_far_as_images_are_padded():
  info = made_info.tall_and_wide(10, 100)
  assert facts_of(info).padded_pixels == 2 * 10 * 100


def test_classes_without_pixels_have_no_share_and_are_not_the_rarest():
  facts = facts_of(made_info.made(10, (48, 64), (0.75, 0.0, 0.25)))
  assert facts.shares == {'class_0': 0.75, 'class_2': 0.25}
  assert facts.rarest == ('class_2', 0.25)
  assert not facts.may_be_thin


def test_a_class_below_a_twentieth_of_the_pixels_may_be_thin():
  assert facts_of(made_info.made(10, (64, 64), (0.96, 0.04))).may_be_thin
  assert not facts_of(made_info.made(10, (64, 64), (0.94, 0.06))).may_be_thin


def test_other_splits_can_be_named():
  info = made_info.DATA['cracks']
  with pytest.raises(errors.UserError, match='dataset.json counts train, val'):
    facts_of(info, train='trainval')
  assert facts_of(info, train='val').num_images == 24
  assert facts_of(info, val='other').num_val == 0


def test_a_split_without_images_is_refused():
  info = made_info.made(10, (48, 64), (0.5, 0.5))
  empty = dataclasses.replace(info.splits['train'], num_examples=0)
  info = dataclasses.replace(info, splits={'train': empty})
  with pytest.raises(errors.UserError, match='Split train has no images'):
    facts_of(info)


def test_one_class_is_refused():
  with pytest.raises(errors.UserError, match='nothing can be learnt'):
    facts_of(made_info.made(10, (48, 64), (1.0,)))


def test_a_percentage_has_two_digits():
  assert data_facts.format_percent(0.015) == '1.5 %'
  assert data_facts.format_percent(0.00123) == '0.12 %'

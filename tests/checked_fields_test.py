"""Fields accept what fits, and say what they expect."""

import dataclasses
import math
import os
from typing import ClassVar

import pytest

from deeplab_nas import checked_fields, errors
from deeplab_nas.checked_fields import Rule


@dataclasses.dataclass(frozen=True)
class Settings(checked_fields.Section):
  NAME: ClassVar[str] = 'settings'

  epochs: int = checked_fields.field(40, int, low=1)
  rate: float = checked_fields.field(0.5, float, above=0)


@pytest.mark.parametrize(
  'rule, value, expected',
  [
    (Rule(int, low=1), 1, 1),
    (Rule(float), 2, 2.0),
    (Rule(float), '3e-3', 3e-3),
    (Rule(float, optional=True), None, None),
    (Rule(bool), False, False),
    (Rule(str, choices=('a', 'b')), 'b', 'b'),
    (Rule(str, is_path=True), 'a/b', 'a/b'),
    (Rule(str, is_path=True), '~/b', os.path.expanduser('~/b')),
    (Rule(int, length=2), [3, 4], (3, 4)),
  ],
)
def test_values_that_fit_take_the_type_of_the_field(rule, value, expected):
  converted = rule.convert(value)
  assert converted == expected
  assert type(converted) is type(expected)


@pytest.mark.parametrize(
  'rule, value',
  [
    (Rule(int), True),
    (Rule(int), 1.0),
    (Rule(int), '1'),
    (Rule(int), None),
    (Rule(int, low=1), 0),
    (Rule(int, high=5), 6),
    (Rule(float), math.nan),
    (Rule(float), math.inf),
    (Rule(float), -math.inf),
    (Rule(float), False),
    (Rule(float, above=0), 0.0),
    (Rule(float, below=1), 1.0),
    (Rule(float), 'fast'),
    (Rule(float), [1.0]),
    (Rule(bool), 1),
    (Rule(bool), 'yes please'),
    (Rule(str), 7),
    (Rule(str, choices=('a', 'b')), 'c'),
    (Rule(int, length=2), 3),
    (Rule(int, length=2), [3]),
    (Rule(int, length=2), [3, 'x']),
    (Rule(int, length=2), '34'),
  ],
)
def test_values_that_do_not_fit_are_refused(rule, value):
  with pytest.raises((TypeError, ValueError)):
    rule.convert(value)


@pytest.mark.parametrize(
  'rule, text',
  [
    (Rule(int, low=1, high=9), 'a whole number, at least 1, at most 9'),
    (Rule(float, above=0, optional=True), 'a number, above 0, or null'),
    (Rule(str, choices=('a', 'b')), 'one of a, b'),
    (Rule(int, length=2), 'a list of 2, each a whole number'),
    (Rule(bool), 'true or false'),
  ],
)
def test_rules_read_as_text(rule, text):
  assert str(rule) == text


def test_a_record_names_field_value_and_expectation():
  with pytest.raises(errors.UserError) as caught:
    Settings(epochs=0)
  assert str(caught.value) == (
    'settings.epochs is 0, expected a whole number, at least 1.'
  )


def test_a_record_converts_its_fields():
  assert Settings(rate=2) == Settings(rate=2.0)
  assert type(Settings(rate=2).rate) is float


@pytest.mark.parametrize('value', [10**400, 'x' * 1000, object()])
def test_extreme_values_get_a_short_sentence(value):
  with pytest.raises(errors.UserError) as caught:
    Settings(rate=value)
  assert len(str(caught.value)) < 130


def test_a_list_of_any_length_has_at_least_one_value():
  rule = Rule(float, above=0, many=True)
  assert rule.convert([1, '2e0']) == (1.0, 2.0)
  assert str(rule) == 'a list, each a number, above 0'
  for value in ([], 1.0, '12', [0.0]):
    with pytest.raises(ValueError):
      rule.convert(value)


@dataclasses.dataclass(frozen=True)
class Span(checked_fields.Section):
  NAME: ClassVar[str] = 'span'

  low: float = checked_fields.field(0.0, float)
  high: float = checked_fields.field(1.0, float)
  num_low: int = checked_fields.field(0, int)
  num_high: int = checked_fields.field(2_000_000, int)

  def __post_init__(self):
    super().__post_init__()
    self.require_at_most('low', 'high')
    self.require_at_most('num_low', 'num_high')


@pytest.mark.parametrize(
  'values, sentence',
  [
    ({'low': 2}, 'span.low is 2, expected at most span.high, which is 1.'),
    (
      {'num_low': 3_000_000},
      'span.num_low is 3000000, expected at most span.num_high, which is'
      ' 2000000.',
    ),
  ],
)
def test_a_field_may_be_at_most_another(values, sentence):
  assert Span(low=1.0).low == 1.0
  with pytest.raises(errors.UserError) as caught:
    Span(**values)
  assert str(caught.value) == sentence

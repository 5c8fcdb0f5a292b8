"""Parts of a split, by the names of its examples."""

import pytest
import tensorflow as tf

from deeplab_nas.data import subsets
from deeplab_nas.data.pipeline_config import Shares

NAMES = [f'{index}_name' for index in range(200)]


def test_subset_hash_is_the_same_on_every_machine():
  # FarmHash fingerprints; a change would mix the halves of old searches.
  names = ['aachen_000000_000019', '2007_000033', 'käse', '']
  assert [subsets.half_of(name) for name in names] == ['b', 'a', 'a', 'b']


def test_subset_hash_agrees_with_the_graph():
  names = [f'{index}_name' for index in range(200)]
  in_graph = tf.strings.to_hash_bucket_fast(names, 2).numpy()
  in_python = [subsets.half_of(name) for name in names]
  assert in_python == ['ab'[index] for index in in_graph]
  assert 70 < in_python.count('a') < 130


def test_a_few_examples_of_one_hash_take_turns():
  names = [f'image{index}' for index in range(400)]
  same = [name for name in names if subsets.half_of(name) == 'b'][:6]
  chosen = subsets.halves(same)
  assert sorted(chosen) == sorted(same)
  assert sorted(chosen.values()) == ['a', 'a', 'a', 'b', 'b', 'b']
  assert subsets.halves(same[::-1]) == chosen
  even = subsets.halves(names[:40])
  assert even == {n: subsets.half_of(n) for n in names[:40]}
  assert set(subsets.halves(same[:2]).values()) == {'a', 'b'}


@pytest.mark.parametrize('fraction, count', [(0.1, 20), (0.25, 50), (0.9, 180)])
def test_so_many_are_held_out(fraction, count):
  assert len(subsets.held_out(NAMES, fraction)) == count
  assert subsets.held_out(NAMES[::-1], fraction) == subsets.held_out(
    NAMES, fraction
  )


def test_above_0_at_least_one_is_held_out():
  assert len(subsets.held_out(NAMES[:3], 0.01)) == 1
  assert subsets.held_out(NAMES[:3], 0) == frozenset()


def test_a_larger_fraction_holds_out_the_same_and_more():
  assert subsets.held_out(NAMES, 0.1) < subsets.held_out(NAMES, 0.2)


def test_what_is_held_out_is_the_same_on_every_machine():
  # A change would let old trainings have seen what is held out now.
  assert sorted(subsets.held_out(NAMES[:10], 0.3)) == [
    '5_name',
    '6_name',
    '9_name',
  ]


@pytest.mark.parametrize('fraction', [0, 0.2])
@pytest.mark.parametrize('b', [0.5, 0.4])
def test_the_parts_are_disjoint_and_complete(fraction, b):
  shares = Shares(fraction, b)
  parts = [
    subsets.members(NAMES, subset, shares)
    for subset in (subsets.HELD_OUT, *subsets.HALVES)
  ]
  assert sorted(sum(parts, [])) == sorted(NAMES)
  assert len(parts[0]) == 200 * fraction
  assert min(map(len, parts[1:])) > 60
  trained = subsets.members(NAMES, None, shares)
  assert trained == [name for name in NAMES if name not in parts[0]]


def test_without_a_held_out_part_halves_are_those_of_the_hash():
  # Those of searches by earlier releases.
  half = subsets.members(NAMES, 'a', Shares())
  assert half == [name for name in NAMES if subsets.half_of(name) == 'a']


def test_half_b_has_its_share_and_keeps_what_a_smaller_one_has():
  halves = [subsets.members(NAMES, 'b', Shares(0.1, b)) for b in (0.1, 0.3)]
  assert list(map(len, halves)) == [18, 54]
  assert set(halves[0]) < set(halves[1])


@pytest.mark.parametrize('b', [0.01, 0.99])
def test_neither_half_is_empty_where_there_are_two_examples(b):
  for names in (NAMES[:2], NAMES[:9]):
    assert subsets.members(names, 'a', Shares(b=b))
    assert subsets.members(names, 'b', Shares(b=b))

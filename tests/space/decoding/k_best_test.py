"""A lazy merge; paths and cells are in `decode_test.py`."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deeplab_nas.space.decoding import k_best

RANKED = st.lists(
  st.tuples(st.integers(-2, 0), st.integers(-9, 9)), min_size=1, max_size=9
)


@given(first=RANKED, second=RANKED, k=st.integers(1, 99))
def test_sums_are_the_k_largest_of_all(first, second, k):
  one, other = (
    [
      k_best.Ranked(zeros, float(log), i)
      for i, (zeros, log) in enumerate(sorted(values, reverse=True))
    ]
    for values in (first, second)
  )
  found = k_best.sums(one, other, k)
  every = sorted(
    (
      (a.zeros + b.zeros, a.log + b.log)
      for a, b in itertools.product(one, other)
    ),
    reverse=True,
  )
  assert [ranked.key for ranked in found] == every[:k]
  pairs = [ranked.item for ranked in found]
  assert len(set(pairs)) == len(pairs)
  for ranked, (i, j) in zip(found, pairs):
    assert ranked.zeros == one[i].zeros + other[j].zeros
    assert ranked.log == one[i].log + other[j].log


@pytest.mark.parametrize('zeros, score', [(0, -1.5), (-1, -math.inf)])
def test_a_weight_of_0_has_no_finite_score(zeros, score):
  assert k_best.Ranked(zeros, -1.5, None).score == score

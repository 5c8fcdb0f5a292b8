"""Steps in turn, and what is made of their times."""

from __future__ import annotations

import pytest

from benchmarks import in_turn


@pytest.fixture
def clock(monkeypatch):
  """A clock that only steps move."""
  now = [0.0]
  monkeypatch.setattr(in_turn.time, 'perf_counter', lambda: now[0])
  return now


def taking(clock, done, name, *seconds):
  """A step that takes so long, and notes that it was done."""
  left = list(seconds)

  def step():
    done.append(name)
    clock[0] += left.pop(0)

  return step


def test_all_take_turns_and_the_first_round_does_not_count(clock):
  done = []
  turns = in_turn.InTurn(
    {
      'a': taking(clock, done, 'a', 90, 1, 2, 4),
      'b': taking(clock, done, 'b', 80, 3, 5, 8),
    }
  )
  for _ in range(4):
    turns.step()
  assert done == ['a', 'b'] * 4
  assert turns.facts() == {
    'a_median_seconds': 2,
    'b_median_seconds': 5,
    'b_to_a': 2.5,  # of 3, 2.5 and 2
  }

"""What a race says of its contestants."""

import numpy as np
import pytest

from benchmarks import race_records, race_report


@pytest.fixture
def records(tmp_path):
  """Ten runs: 'halving' is better by 0.1 in nine of them, worse in one."""
  facts = {'times': [450.0, 900.0, 1800.0]}
  found = race_records.Records.open(tmp_path / 'races.jsonl', facts)
  rng = np.random.default_rng(0)
  for run in range(10):
    last = 0.5 + 0.01 * rng.normal()
    ours = last + (0.1 if run == 4 else -0.1)
    for name, value, steps in (('random', last, 400), ('halving', ours, 25)):
      found.append(
        race_records.Record(
          name, run, (1.0, 0.7, value), (0.5, 0.2, 0.03), {str(steps): 40}, 1.0
        )
      )
  return found


def test_the_interval_is_that_of_the_mean():
  """In 200 samples it misses the mean about as often as it may."""
  rng = np.random.default_rng(0)
  missed = 0
  for _ in range(200):
    found = race_report.Interval.of(rng.exponential(size=60))
    assert found.low < found.mean < found.high
    missed += not found.low <= 1 <= found.high
  assert 2 <= missed <= 25
  assert race_report.Interval.of([2.0]) == (2.0, 2.0, 2.0)
  assert race_report.Interval.of([2.0, 2.0]) == (2.0, 2.0, 2.0)


def test_a_contestant_is_compared_run_by_run():
  ours, theirs = np.arange(10.0), np.arange(10.0) + 1
  ours[0], ours[9] = 2.0, theirs[9]
  found = race_report.Versus.of(ours, theirs)
  assert (found.wins, found.count) == (8, 9)
  # One or none, or eight or nine heads of nine.
  assert found.p == pytest.approx(2 * (1 + 9) / 2**9)
  assert found.gain.mean == pytest.approx((8 * 1 - 1) / 10)
  assert race_report.Versus.of(ours, ours).p == 1


def test_the_table_has_the_best_first(records):
  lines = list(race_report.table(records, ['random', 'halving'], (1, 2)))
  assert 'regret at 15 min' in lines[0] and 'regret at 30 min' in lines[0]
  assert len({line.count('|') for line in lines}) == 1
  assert lines[2].startswith('| `halving` | 10 | 0.7000')
  assert '| 9 of 10 | 0.021 | 40 of 25 |' in lines[2]
  assert lines[3].startswith('| `random` | 10 |')
  assert '| 3 % |' in lines[3]


def test_a_contestant_with_fewer_runs_is_compared_on_these(records):
  few = race_records.Record('pnas', 4, (1.0, 0.7, 0.0), (0, 0, 0), {}, 1.0)
  records.append(few)
  lines = list(race_report.table(records, ['random', 'pnas', 'tpe'], (2,)))
  assert lines[2].startswith('| `pnas` | 1 |')
  assert '| 1 of 1 | 1 |' in lines[2]
  assert not any('tpe' in line for line in lines)


def test_curves_are_drawn(records, tmp_path):
  path = tmp_path / 'races.png'
  race_report.save_picture(records, ['random', 'halving', 'tpe'], path)
  assert path.read_bytes().startswith(b'\x89PNG')

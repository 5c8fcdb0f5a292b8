"""What others had of the machine."""

from __future__ import annotations

import os
import time

import pytest

from deeplab_nas.runtime import other_load


def test_work_of_all_cores_is_read(tmp_path, monkeypatch):
  stat = tmp_path / 'stat'
  monkeypatch.setattr(other_load, 'STAT', stat)
  assert other_load.busy_seconds() is None
  assert other_load.OtherLoad().share(0) is None
  # user nice system idle iowait irq softirq steal guest guest_nice
  stat.write_text('cpu  100 20 30 9000 800 4 5 6 70 8\ncpu0 1 2 3 4 5 6 7 8\n')
  ticks = 100 + 20 + 30 + 4 + 5 + 6
  assert other_load.busy_seconds() == ticks / os.sysconf('SC_CLK_TCK')


@pytest.mark.parametrize(
  ('own', 'expected'), [(0.0, 0.5), (1.0, 0.25), (2.0, 0.0), (3.0, 0.0)]
)
def test_what_is_not_ones_own_is_of_others(monkeypatch, own, expected):
  now, busy = [100.0], [50.0]
  monkeypatch.setattr(time, 'monotonic', lambda: now[0])
  monkeypatch.setattr(other_load, 'busy_seconds', lambda: busy[0])
  monkeypatch.setattr(os, 'cpu_count', lambda: 2)
  load = other_load.OtherLoad()
  now[0], busy[0] = 102.0, 52.0  # two of the four seconds of both cores
  assert load.share(own) == expected

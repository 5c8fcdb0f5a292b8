"""Cores are busy until they are released."""

from __future__ import annotations

import time

from benchmarks import busy_cores


def test_processes_work_until_they_are_closed():
  busy = busy_cores.BusyCores(2)
  first, second = busy.processes
  try:
    time.sleep(0.01)
    assert first.poll() is None and second.poll() is None
  finally:
    busy.close()
  assert first.returncode and second.returncode


def test_none_is_possible():
  busy = busy_cores.BusyCores(0)
  assert not busy.processes
  busy.close()

"""Memory of a process and of those that it starts."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

from benchmarks import tree_memory

pytestmark = pytest.mark.skipif(
  not pathlib.Path('/proc/self/statm').exists(), reason='there is no /proc'
)
# A process that starts one with 64 MiB, which ends when its input does.
_CHILD = 'import sys; x = bytearray(2**26); print(flush=True); input()'
_PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, '-c', {_CHILD!r}])
"""


@pytest.fixture
def process():
  with subprocess.Popen(
    [sys.executable, '-c', _PARENT],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  ) as process:
    process.stdout.readline()
    yield process
    process.stdin.close()


def test_children_count(process):
  watch = tree_memory.Watch(process.pid)
  assert watch.stop() > 2**26 > tree_memory.resident_bytes(process.pid)


def test_descendants_are_found_and_others_are_not(process):
  found = tree_memory.descendants(process.pid)
  assert len(found) == 2 and found[0] == process.pid
  assert set(found) < set(tree_memory.descendants(os.getpid()))


def test_a_process_that_has_ended_has_none():
  process = subprocess.Popen([sys.executable, '-c', ''])
  process.wait()
  assert tree_memory.resident_bytes(process.pid) == 0

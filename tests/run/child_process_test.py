"""A child imports the same package, and ends with its parent."""

import os
import pathlib
import subprocess
import sys
import time

import pytest

import deeplab_nas
from deeplab_nas.run import child_process

ROOT = pathlib.Path(deeplab_nas.__file__).parent.parent
CHILD = """
import time
from deeplab_nas.run import child_process
child_process.die_with_parent()
print('ready', flush=True)
time.sleep(60)
"""
PARENT = f"""
import os, subprocess, sys
child = subprocess.Popen(
  [sys.executable, '-c', {CHILD!r}], stdout=subprocess.PIPE
)
child.stdout.readline()
print(child.pid, flush=True)
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize('before', [None, '/elsewhere'])
def test_the_package_is_found_first_and_the_rest_stays(monkeypatch, before):
  monkeypatch.delenv('PYTHONPATH', raising=False)
  if before:
    monkeypatch.setenv('PYTHONPATH', before)
  monkeypatch.setenv('OTHER', 'as it was')
  found = child_process.environment()
  assert found['PYTHONPATH'].split(os.pathsep) == [
    str(ROOT),
    *([before] if before else []),
  ]
  assert found['OTHER'] == 'as it was'


@pytest.mark.skipif(sys.platform != 'linux', reason='as on Linux alone')
def test_a_child_ends_with_a_parent_that_is_killed():
  parent = subprocess.run(
    [sys.executable, '-c', PARENT],
    stdout=subprocess.PIPE,
    text=True,
    env=child_process.environment(),
  )
  status = pathlib.Path('/proc') / parent.stdout.strip() / 'stat'
  end = time.monotonic() + 30
  while time.monotonic() < end:
    try:
      if status.read_text().rpartition(')')[2].split()[0] == 'Z':
        return  # ended, and nobody has asked how
    except (FileNotFoundError, ProcessLookupError):
      return
    time.sleep(0.02)
  pytest.fail('the child lives on')

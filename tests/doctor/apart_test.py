"""Checks in a process of their own; the checks are real, and so are deaths."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time

import pytest

from deeplab_nas.doctor import apart, finding


@pytest.fixture(scope='module')
def process():
  with apart.Apart() as process:
    yield process


def name_process():
  print('noise', flush=True)
  return finding.Finding(finding.OK, str(os.getpid()))


def die():
  print('needs AVX\n', file=sys.stderr, flush=True)
  os.kill(os.getpid(), signal.SIGILL)


def leave():
  os._exit(3)


def fail():
  raise ValueError('odd')


def sleep():
  time.sleep(600)


def test_checks_share_a_process_that_is_not_this_one(process, capfd):
  first, second = process.find(name_process), process.find(name_process)
  assert first == second
  assert first.status == finding.OK
  assert int(first.text) != os.getpid()
  assert capfd.readouterr().out == ''


def test_a_check_that_raises_ends_nothing(process):
  before = process.find(name_process)
  assert 'ValueError: odd' in process.find(fail).text
  assert process.find(name_process) == before


def test_a_check_that_dies_is_a_finding_and_others_go_on(process):
  before = process.find(name_process)
  found = process.find(die)
  assert found.status == finding.FAIL
  assert 'SIGILL' in found.text and found.text.endswith('needs AVX')
  after = process.find(name_process)
  assert after.status == finding.OK and after != before


def test_a_check_that_leaves_is_a_finding(process):
  process.find(name_process)
  found = process.find(leave)
  assert found.status == finding.FAIL
  assert found.text.endswith('(exit code 3)')  # and no noise of another


def test_a_check_that_does_not_end_is_ended():
  with apart.Apart(seconds=1) as process:
    start = time.monotonic()
    found = process.find(sleep)
    assert time.monotonic() - start < 30
    assert found.status == finding.FAIL
    assert 'no answer within 1 s' in found.text


def test_nothing_is_left_behind(tmp_path, monkeypatch):
  monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path))
  with apart.Apart() as process:
    pid = int(process.find(name_process).text)
    assert list(tmp_path.iterdir())  # what it prints
  with pytest.raises(ProcessLookupError):
    os.kill(pid, 0)
  assert not list(tmp_path.iterdir())


def test_without_room_for_its_output_checks_run(monkeypatch):
  monkeypatch.setattr(tempfile, 'tempdir', '/no/such/folder')
  with apart.Apart() as process:
    assert process.find(name_process).status == finding.OK
    assert process.find(die).text.endswith('(SIGILL)')

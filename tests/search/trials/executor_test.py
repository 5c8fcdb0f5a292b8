"""Processes that are lost or hang are noticed; those of trials end with them.

That a trial which succeeds comes back is tested with `run`.
"""

import os
import pathlib
import signal
import time

import numpy as np
import pytest

from deeplab_nas.config import config as config_lib
from deeplab_nas.search.trials import executor as executor_lib
from deeplab_nas.search.trials import job as job_lib
from tests.search.trials import studies

SETTINGS = config_lib.Config().to_dict()


def job(tmp_path, number=0):
  genotype = studies.MIDDLE.random(np.random.default_rng(0))
  folder = tmp_path / f'{number:04d}'
  return job_lib.Job(number, genotype, studies.FULL, 0, 1.0, folder)


@pytest.fixture
def made(tmp_path, monkeypatch):
  monkeypatch.delenv('CUDA_VISIBLE_DEVICES', raising=False)
  executors = []

  def make(timeout=60.0, num_workers=2):
    executors.append(
      executor_lib.LocalExecutor(
        SETTINGS, num_workers, timeout, tmp_path / 'log.txt'
      )
    )
    return executors[-1]

  yield make
  for each in executors:
    each.cancel()


def is_running(pid):
  try:
    os.kill(pid, 0)
  except ProcessLookupError:
    return False
  state = pathlib.Path(f'/proc/{pid}/stat')
  return not state.exists() or state.read_text().split()[2] != 'Z'


def test_a_killed_process_is_noticed_and_replaced(made, tmp_path):
  executor = made()
  executor.submit(job(tmp_path, 3))
  [pid] = executor.pids()
  os.kill(pid, signal.SIGKILL)
  [ended] = executor.wait(10)
  assert ended.job == job(tmp_path, 3)
  assert ended.loss == 'crash: the process ended with -9'
  executor.submit(job(tmp_path, 3))
  [other] = executor.pids()
  assert other != pid


def test_a_process_whose_trial_failed_gets_no_other_one(made, tmp_path):
  executor = made(num_workers=1)
  for number in range(2):  # both fail, as there is no data
    executor.submit(job(tmp_path, number))
    [ended] = executor.wait(60)
    assert ended.loss is None
    assert executor.pids() == []


def test_a_process_that_hangs_is_ended(made, tmp_path):
  executor = made(timeout=0.2)  # in which it cannot even have started
  executor.submit(job(tmp_path))
  [pid] = executor.pids()
  [ended] = executor.wait(10)
  assert ended.loss == 'timeout: no step for 0.2 s'
  assert not is_running(pid)


def test_nothing_ends_before_its_time(made, tmp_path):
  executor = made()
  executor.submit(job(tmp_path))
  began = time.monotonic()
  assert executor.wait(0.3) == []
  assert 0.3 <= time.monotonic() - began < 3


def test_cancelled_jobs_leave_no_process(made, tmp_path):
  executor = made()
  executor.submit(job(tmp_path, 0))
  executor.submit(job(tmp_path, 1))
  pids = executor.pids()
  assert len(pids) == executor.capacity == 2
  executor.cancel()
  assert not any(map(is_running, pids))
  assert executor.pids() == []


def test_an_outcome_of_before_is_not_taken_for_the_jobs(made, tmp_path):
  executor = made()
  stale = job(tmp_path).outcome
  stale.parent.mkdir()
  stale.write_text('{}')
  executor.submit(job(tmp_path))
  assert not stale.exists()


@pytest.mark.parametrize(
  ('visible', 'devices'),
  [('', []), ('-1', []), ('0', ['0']), ('2,5,GPU-ab', ['2', '5', 'GPU-ab'])],
)
def test_accelerators_are_those_that_are_visible(monkeypatch, visible, devices):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', visible)
  assert executor_lib.accelerators() == devices


def test_there_is_a_process_for_each_accelerator(made, monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '0,1,2')
  assert made(num_workers=2).capacity == 2
  assert made(num_workers=4).capacity == 3

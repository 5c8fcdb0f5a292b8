"""What runs a trial answers whatever happens, and ends with its driver."""

import subprocess
import sys

import pytest

from deeplab_nas.search.trials import outcome, worker
from tests.search.trials import executor_test


def test_what_nobody_foresaw_is_an_outcome(tmp_path, capfd):
  def evaluator(job, beat):
    beat()
    raise ZeroDivisionError('of seven\nand more')

  beats = []
  job = executor_test.job(tmp_path)
  found = worker.run(evaluator, job, lambda: beats.append(1))
  assert found == outcome.Outcome(
    job.key, failure='ZeroDivisionError: of seven'
  )
  assert beats == [1]
  assert 'in evaluator' in capfd.readouterr().err


@pytest.mark.skipif(sys.platform != 'linux', reason='elsewhere it waits')
def test_it_ends_with_its_input():
  process = subprocess.Popen(
    [sys.executable, '-m', worker.__name__],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  )
  process.stdin.close()
  assert process.wait(30) == 0
  assert process.stdout.read() == b''
  process.stdout.close()

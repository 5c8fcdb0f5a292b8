"""A process for a case, whether it goes well or not."""

from __future__ import annotations

import os
import time

import pytest

from benchmarks import case, worker
from deeplab_nas import errors
from tests import command
from tests.benchmarks import tiny_cases


def run(build, num_steps=1, **settings):
  with worker.Worker(case.Case('mine', build, settings)) as started:
    times = [started.step() for _ in range(num_steps)]
    return started, times, started.end()


def test_it_steps_on_demand_and_reports_at_the_end(tmp_path, capfd):
  path = tmp_path / 'steps'
  started, times, measured = run(
    tiny_cases.writes, 3, path=str(path), letter='A'
  )
  assert path.read_text() == 'AAAAa'  # the first step, three, the end
  assert started.first_step_seconds > sum(time.seconds for time in times)
  assert all(time.seconds > 0 and time.cpu_seconds >= 0 for time in times)
  assert measured.facts == {'images': 4, 'flops': 1000}
  assert measured.threads == {}
  assert capfd.readouterr().out == ''


def test_it_reports_the_threads_of_tensorflow():
  assert run(tiny_cases.has_threads)[-1].threads == {
    'inter_op': 3,
    'intra_op': 0,
  }


def test_its_peak_is_its_own():
  ballast = bytearray(b'x' * 2**28)
  small, large = (
    run(tiny_cases.takes_memory, num_bytes=num_bytes)[-1].peak_bytes
    for num_bytes in (1, 2**27)
  )
  assert 0 < small < len(ballast)
  assert large - small > 2**26


def test_a_stopped_one_is_closed(tmp_path):
  path = tmp_path / 'steps'
  with worker.Worker(
    case.Case('mine', tiny_cases.writes, {'path': str(path), 'letter': 'A'})
  ):
    pass
  assert path.read_text() == 'Aa'


def test_it_does_not_outlive_a_parent_that_is_killed(tmp_path):
  path = tmp_path / 'letters'
  script = tmp_path / 'parent.py'
  script.write_text(
    'from benchmarks import case, worker\n'
    'from tests.benchmarks import tiny_cases\n'
    'if __name__ == "__main__":\n'
    f'  settings = {{"path": {str(path)!r}}}\n'
    '  worker.Worker(case.Case("it", tiny_cases.writes_for_ever, settings))\n'
  )
  parent = command.start(
    tmp_path / 'log',
    str(script),
    PYTHONPATH=os.pathsep.join([str(command.ROOT), f'{command.ROOT}/scripts']),
  )
  while not path.exists():
    assert parent.poll() is None, (tmp_path / 'log').read_text()
    time.sleep(0.05)
  parent.kill()
  parent.wait()
  deadline = time.monotonic() + 60
  size = -1
  while size != path.stat().st_size:
    assert time.monotonic() < deadline
    size = path.stat().st_size
    time.sleep(2)


@pytest.mark.parametrize(
  ('build', 'settings', 'sentence'),
  [
    (
      tiny_cases.refuses,
      {},
      'Case mine cannot run: size is 0, expected more.',
    ),
    (
      tiny_cases.fails,
      {},
      'Case mine failed: EOFError: The file is too short.',
    ),
    (
      tiny_cases.has_no_memory,
      {},
      'Case mine ran out of memory: lower its sizes.',
    ),
    *(
      (
        tiny_cases.is_killed,
        {'after': after},
        'The process of case mine was killed, probably for lack of memory:'
        ' lower its sizes.',
      )
      for after in (0, 1)
    ),
    (
      tiny_cases.leaves,
      {},
      'The process of case mine ended too early, with exit code 3.',
    ),
  ],
)
def test_what_goes_wrong_is_one_sentence(build, settings, sentence):
  with pytest.raises(errors.UserError) as raised:
    run(build, **settings)
  assert str(raised.value) == sentence

"""A study on a cluster is that of one machine, whichever part of it dies."""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from deeplab_nas import errors
from deeplab_nas.search.trials.cluster import ray_executor
from tests.search.trials import executor_test, run_test

SMALL = {'num_trials': 3, 'strategy': 'random'}


def connect(tmp_path, address):
  ray_executor.RayExecutor(
    executor_test.SETTINGS, 2, 60.0, tmp_path / 'log.txt', address
  )


def test_without_ray_a_sentence_says_what_to_install(tmp_path, monkeypatch):
  monkeypatch.setitem(sys.modules, 'ray', None)
  before = sys.stdout
  with pytest.raises(errors.UserError, match=r"pip install '\.\[cluster\]'"):
    connect(tmp_path, 'auto')
  assert sys.stdout is before


def test_a_pyarrow_that_ray_cannot_use_is_named(tmp_path, monkeypatch):
  pytest.importorskip('ray', reason='Ray is not installed')
  (tmp_path / 'pyarrow.py').write_text('raise ImportError("wants NumPy 2")')
  monkeypatch.syspath_prepend(tmp_path)
  monkeypatch.delitem(sys.modules, 'pyarrow', raising=False)
  with pytest.raises(errors.UserError, match='this pyarrow .wants NumPy 2.'):
    connect(tmp_path, 'auto')


@pytest.mark.parametrize(
  ('address', 'message'),
  [
    ('127.0.0.1:1', 'no Ray cluster takes this machine in'),
    ('127.0.0.1:port', 'no Ray cluster takes this machine in'),
    ('somewhere', 'no Ray cluster takes this machine in'),
    ('ray://127.0.0.1:10001', "expected 'auto' or HOST:PORT"),
  ],
)
def test_where_no_cluster_is_a_sentence_says_so(tmp_path, address, message):
  pytest.importorskip('ray', reason='Ray is not installed')
  before = sys.stdout
  with pytest.raises(errors.UserError, match=message):
    connect(tmp_path, address)
  assert sys.stdout is before


class Cluster:
  """Two machines of one core each, as g3doc/running.md starts them.

  Attributes:
    address: Of the head.
    nodes: Processes of which each has started all those of a node.
  """

  def __init__(self, folder):
    with socket.create_server(('127.0.0.1', 0)) as server:
      self.address = f'127.0.0.1:{server.getsockname()[1]}'
    port = self.address.split(':')[1]
    self.nodes = []
    self._folder = folder
    options = ['--node-ip-address=127.0.0.1', '--include-dashboard=false']
    self._start('--head', f'--port={port}', *options)
    self._start(f'--address={self.address}')

  def kill(self, node):
    """As a power cut does."""
    for pid in [node.pid, *_descendants(node.pid)]:
      with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    node.wait()

  def _start(self, *flags):
    log = self._folder / f'node{len(self.nodes)}.txt'
    program = 'from ray.scripts import scripts; scripts.main()'
    flags = ['start', '--block', '--num-cpus=1', *flags]
    with open(log, 'wb') as file:
      command = [sys.executable, '-c', program, *flags]
      self.nodes.append(subprocess.Popen(command, stdout=file, stderr=file))
    _wait(lambda: b'Ray runtime started' in log.read_bytes())


@pytest.fixture
def cluster(tmp_path, monkeypatch):
  if importlib.util.find_spec('ray') is None:
    pytest.skip('Ray is not installed')
  (tmp_path / 'token').write_text('0123456789abcdef' * 4)
  for name, value in {
    'RAY_USAGE_STATS_ENABLED': '0',
    'RAY_AUTH_MODE': 'token',
    'RAY_AUTH_TOKEN_PATH': str(tmp_path / 'token'),
    'PYTHONPATH': os.pathsep.join(filter(None, sys.path)),
  }.items():
    monkeypatch.setenv(name, value)
  made = Cluster(tmp_path)
  yield made
  for node in made.nodes:
    made.kill(node)


@pytest.mark.slow
def test_a_node_and_the_driver_may_be_killed(cluster, records, tmp_path):
  """SIGKILL of all processes of a node, then of the driver, amid trials."""
  plain = run_test.command(tmp_path / 'plain', records, **SMALL)
  _, log = plain.communicate(timeout=300)
  assert plain.returncode == 0, log
  folder, second = tmp_path / 'run', cluster.nodes[1]
  search = {**SMALL, 'cluster': cluster.address}
  driver = run_test.command(folder, records, **search)
  _wait(lambda: any(map(run_test.runs_trials, _descendants(second.pid))))
  cluster.kill(second)
  _wait((folder / 'candidates.json').exists)
  driver.kill()
  _, log = driver.communicate()
  assert 'was lost (crash: Actor' in log and '(try 2 of 3)' in log
  assert any(trial.is_pending for trial in run_test.history(folder))
  driver = run_test.command(folder, records, '--resume', **search)
  out, log = driver.communicate(timeout=300)
  assert driver.returncode == 0, log
  assert out == (folder / 'summary.txt').read_text()
  assert run_test.history(folder) == run_test.history(tmp_path / 'plain')


def _wait(is_so):
  deadline = time.monotonic() + 120
  while not is_so():
    assert time.monotonic() < deadline
    time.sleep(0.1)


def _descendants(pid):
  """Processes that a process has started, and theirs."""
  try:
    children = run_test.children(pid)
  except FileNotFoundError:
    return []
  return children + [each for child in children for each in _descendants(child)]

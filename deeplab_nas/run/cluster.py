"""The workers of a run on several machines, as TF_CONFIG lists them."""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from absl import logging

from deeplab_nas import errors, safe_json
from deeplab_nas.config import runtime as config_runtime
from deeplab_nas.run import directory as run_directory

_ADDRESS = re.compile(r'(.+):(\d+)')
_LONGEST_WAIT = 600.0  # seconds
# What TensorFlow raises in a worker when another one is gone.
_PEER_ERRORS = ('UnavailableError', 'AbortedError', 'DeadlineExceededError')


def read() -> dict[str, Any] | None:
  """TF_CONFIG, checked; None where it is not set.

  Raises:
    UserError: If it is no description of workers and of one of them.
  """
  text = os.environ.get('TF_CONFIG')
  if not text:
    return None
  try:
    config = safe_json.parse(text)
    workers, task = config['cluster']['worker'], config['task']
    is_sound = task['type'] == 'worker' and type(task['index']) is int
    is_sound = is_sound and 0 <= task['index'] < len(workers)
    is_sound = is_sound and all(map(_is_address, workers))
  except (ValueError, KeyError, TypeError):
    is_sound = False
  if not is_sound:
    raise errors.UserError(
      f'TF_CONFIG is {text}, expected {{"cluster": {{"worker": ["host:port",'
      ' ...]}, "task": {"type": "worker", "index": 0}}.'
    )
  return config


def _is_address(text: str) -> bool:
  match = _ADDRESS.fullmatch(text)
  return match is not None and int(match[2]) < 2**16


def addresses() -> list[str]:
  """Those of all workers; none without a cluster."""
  config = read()
  return config['cluster']['worker'] if config else []


def is_chief(config: config_runtime.RuntimeConfig) -> bool:
  """Whether this process writes the run's files.

  Raises:
    UserError: If there should be a cluster and is none.
  """
  if config.distribution != 'multi_worker':
    return True
  cluster = read()
  if cluster is None:
    raise errors.UserError(
      'runtime.distribution=multi_worker needs the variable TF_CONFIG in each'
      " worker's environment: see g3doc/running.md."
    )
  return cluster['task']['index'] == 0


def worker_directory(
  shared: str | os.PathLike[str],
) -> run_directory.RunDirectory:
  """A temporary folder for a worker whose results are not kept.

  Args:
    shared: The run's folder, which the chief writes; what is resumed is there.
  """
  run = run_directory.RunDirectory(
    tempfile.mkdtemp(prefix='deeplab_nas_worker_')
  )
  atexit.register(shutil.rmtree, run.path, ignore_errors=True)
  run.resumed = run_directory.RunDirectory(shared)
  run.pictures.mkdir()
  return run


def wait_for_chief(longest: float = _LONGEST_WAIT) -> None:
  """Waits until the first worker listens: its settings and data are in order.

  Args:
    longest: Seconds.

  Raises:
    UserError: If it does not listen until then.
  """
  if read()['task']['index'] == 0:
    return
  chief = addresses()[0]
  host, port = _ADDRESS.fullmatch(chief).groups()
  logging.info('Waiting for worker 0 (%s) ...', chief)
  deadline = time.monotonic() + longest
  while True:
    try:
      socket.create_connection((host, int(port)), 5).close()
      return
    except OSError:
      if time.monotonic() > deadline:
        raise errors.UserError(
          f'Worker 0 ({chief}) has not answered for {longest:g} seconds: see'
          ' what it says, and start all workers again.'
        ) from None
      time.sleep(1)


@contextlib.contextmanager
def naming_lost_worker(config: config_runtime.RuntimeConfig) -> Iterator[None]:
  """Names the lost worker in the error of the workers that waited for it.

  Raises:
    UserError: In place of TensorFlow's own error.
  """
  try:
    yield
  except Exception as error:
    is_shared = config.distribution == 'multi_worker'
    sentence = lost_worker(error) if is_shared else None
    if sentence is None:
      raise
    raise errors.UserError(sentence) from error


def lost_worker(error: BaseException) -> str | None:
  """The sentence about a worker that is gone; None for other errors."""
  if type(error).__name__ not in _PEER_ERRORS:
    return None  # and TF_CONFIG, which may be another program's, is not read
  config = read()
  if config is None:
    return None
  workers, own = addresses(), config['task']['index']
  found = [int(index) for index in re.findall(r'task:(\d+)', str(error))]
  others = [index for index in found if index != own and index < len(workers)]
  who = 'Another worker'
  if others:
    who = f'Worker {others[0]} ({workers[others[0]]})'
  return (
    f'{who} is gone, so all have to stop: start every worker again with'
    ' --resume.'
  )

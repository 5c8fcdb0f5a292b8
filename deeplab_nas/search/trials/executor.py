"""Runs trials in processes of this machine: submit, wait, cancel.

An executor knows nothing of the study. It says of each job that its outcome is
there, or that its process was lost; what then is the driver's business. Another
one, for many machines, has to have these methods and no others.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from absl import logging

from deeplab_nas.run import child_process
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials import worker

_MODULE = 'deeplab_nas.search.trials.worker'
_SECONDS_TO_END = 5
CRASH = 'crash'
TIMEOUT = 'timeout'


class Ended(NamedTuple):
  """A job that does not run any more.

  Attributes:
    job: The job.
    loss: None if its outcome is written; else what became of its process:
      'crash' or 'timeout', and details.
  """

  job: job_lib.Job
  loss: str | None = None


class Executor(Protocol):
  """What a driver asks of whatever runs its trials.

  Attributes:
    capacity: Jobs that can run at a time.
  """

  capacity: int

  def submit(self, job: job_lib.Job) -> None:
    """Starts a job; only where fewer than `capacity` run."""

  def wait(self, seconds: float) -> list[Ended]:
    """Jobs that have ended; waits for one, but not longer than that."""

  def cancel(self) -> None:
    """Ends all jobs, without their outcome."""


class LocalExecutor:
  """Worker processes that live on between trials.

  By default one for each accelerator, and where there is none as many as are
  asked for, of one thread each.
  """

  def __init__(
    self,
    settings: Mapping[str, Any],
    num_workers: int,
    timeout: float,
    log: pathlib.Path,
  ):
    """Starts nothing yet.

    Args:
      settings: Of the study, as `Config.to_dict` gives them.
      num_workers: The most processes.
      timeout: Seconds without a sign of life after which one counts as hung.
      log: File for what the processes say besides their answers.
    """
    devices = accelerators()
    slots = devices[:num_workers] if devices else [None] * num_workers
    self.capacity = len(slots)
    cores = len(os.sched_getaffinity(0))
    if not devices and num_workers > cores:
      logging.warning(
        'search.parallel_trials is %d, but there are %d cores: trials will wait'
        ' for each other.',
        *(num_workers, cores),
      )
    self._settings = dict(settings)
    if not devices:
      threads = {'inter_op_threads': 1, 'intra_op_threads': 1}
      runtime = {**self._settings.get('runtime', {}), **threads}
      self._settings['runtime'] = runtime
    self._timeout = timeout
    self._log = log
    self._workers = [_Worker(slot) for slot in slots]

  def submit(self, job: job_lib.Job) -> None:
    """See `Executor`."""
    free = next(w for w in self._workers if w.job is None)
    if not free.is_alive:
      free.start(self._settings, self._log)
    free.send(job)

  def wait(self, seconds: float) -> list[Ended]:
    """See `Executor`."""
    deadline = time.monotonic() + seconds
    while True:
      ended = [e for w in self._workers if (e := w.ended(self._timeout))]
      left = deadline - time.monotonic()
      if ended or left <= 0:
        return ended
      self._listen(min(left, 1.0))

  def cancel(self) -> None:
    """See `Executor`."""
    for each in self._workers:
      each.end()
      each.job = None

  def pids(self) -> list[int]:
    """Of the processes that live."""
    return [w.process.pid for w in self._workers if w.is_alive]

  def _listen(self, seconds: float) -> None:
    """Takes what the processes say; waits for it no longer than that."""
    with selectors.DefaultSelector() as selector:
      for each in self._workers:
        if each.job is not None:
          selector.register(each.process.stdout, selectors.EVENT_READ, each)
      if not selector.get_map():
        time.sleep(seconds)
      for key, _ in selector.select(seconds) if selector.get_map() else ():
        key.data.listen()


class _Worker:
  """A process, and the job that it has."""

  def __init__(self, device: str | None):
    self.device = device
    self.job: job_lib.Job | None = None
    self.process: subprocess.Popen | None = None
    self._heard = 0.0
    self._text = b''
    self._is_done = self._is_last = False

  @property
  def is_alive(self) -> bool:
    return self.process is not None and self.process.poll() is None

  def start(self, settings: Mapping[str, Any], log: pathlib.Path) -> None:
    self.end()
    environment = child_process.environment()
    if self.device is not None:
      environment['CUDA_VISIBLE_DEVICES'] = self.device
    with open(log, 'ab') as errors:
      self.process = subprocess.Popen(
        [sys.executable, '-m', _MODULE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        env=environment,
      )
    os.set_blocking(self.process.stdout.fileno(), False)
    self._text = b''
    self._write(json.dumps(settings))

  def send(self, job: job_lib.Job) -> None:
    self.job = job
    self._is_done = self._is_last = False
    self._heard = time.monotonic()
    job.folder.mkdir(parents=True, exist_ok=True)
    job.outcome.unlink(missing_ok=True)
    self._write(job.to_line())

  def listen(self) -> None:
    """Takes the lines that are there."""
    self._text += self.process.stdout.read() or b''
    *lines, self._text = self._text.split(b'\n')
    if lines:
      self._heard = time.monotonic()
    if self.job is not None:
      number = self.job.number
      self._is_last |= f'{worker.LAST} {number}'.encode() in lines
      self._is_done |= f'{worker.DONE} {number}'.encode() in lines
      self._is_done |= self._is_last

  def ended(self, timeout: float) -> Ended | None:
    """The job, if it runs no more; afterwards there is none."""
    if self.job is None:
      return None
    is_alive = self.is_alive
    self.listen()  # also the last words of one that is gone
    loss = None
    if not self._is_done:
      if not is_alive:
        loss = f'{CRASH}: the process ended with {self.process.returncode}'
      elif time.monotonic() - self._heard > timeout:
        loss = f'{TIMEOUT}: no step for {timeout:g} s'
        self.end()
      else:
        return None
    elif self._is_last:
      self.end()  # else the next job may reach it before it has ended
    job, self.job = self.job, None
    return Ended(job, loss)

  def end(self) -> None:
    """Ends the process, if it has not ended."""
    if self.process is not None:
      self.process.kill()
      self.process.wait()
      self.process.stdout.close()
      with contextlib.suppress(BrokenPipeError):
        self.process.stdin.close()
    self.process = None

  def _write(self, line: str) -> None:
    with contextlib.suppress(BrokenPipeError):  # it is gone: `ended` sees that
      self.process.stdin.write(f'{line}\n'.encode())
      self.process.stdin.flush()


def accelerators() -> Sequence[str]:
  """What CUDA_VISIBLE_DEVICES may be, one for each accelerator; [] of none."""
  visible = os.environ.get('CUDA_VISIBLE_DEVICES')
  if visible is not None:
    return [name for name in visible.split(',') if name not in ('', '-1')]
  found = pathlib.Path('/proc/driver/nvidia/gpus')
  return [str(i) for i, _ in enumerate(found.glob('*'))]

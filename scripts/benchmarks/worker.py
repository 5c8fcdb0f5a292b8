"""The parent's side of a case's process."""

from __future__ import annotations

import multiprocessing
import signal
import time
from typing import Any

from benchmarks import case as case_lib
from benchmarks import child
from deeplab_nas import errors

_SECONDS_TO_END = 5


class Worker:
  """A fresh process for one case; the first step is done when this returns.

      with Worker(case) as worker:
        times = [worker.step() for _ in range(7)]
        measured = worker.end()

  Attributes:
    case: What it runs.
    first_step_seconds: From the start of the process, imports included.
  """

  def __init__(self, case: case_lib.Case):
    self.case = case
    context = multiprocessing.get_context('spawn')
    self._connection, other = context.Pipe()
    # A daemon does not outlive this process.
    self._process = context.Process(
      target=child.serve, args=(other, case, time.time()), daemon=True
    )
    self._process.start()
    other.close()  # so that the end of the process shows
    try:
      self.first_step_seconds: float = self._answer()
    except BaseException:
      self.close()
      raise

  def __enter__(self) -> Worker:
    return self

  def __exit__(self, *_) -> None:
    self.close()

  def step(self) -> child.StepTime:
    """Runs one step."""
    return self._ask(child.GO)

  def end(self) -> child.Measured:
    """Ends the process; there are no further steps."""
    return self._ask(child.END)

  def close(self) -> None:
    """Ends the process if it has not ended."""
    self._connection.close()
    self._process.join(_SECONDS_TO_END)
    if self._process.is_alive():
      self._process.terminate()
      self._process.join(_SECONDS_TO_END)

  def _ask(self, question: str) -> Any:
    try:
      self._connection.send(question)
    except BrokenPipeError:
      raise self._death() from None
    return self._answer()

  def _answer(self) -> Any:
    """The value of the next answer.

    Raises:
      UserError: If the case failed or its process is gone.
    """
    try:
      kind, value = self._connection.recv()
    except (EOFError, ConnectionResetError):
      raise self._death() from None
    if kind == 'error':
      raise errors.UserError(f'Case {self.case.name} {value}')
    return value

  def _death(self) -> errors.UserError:
    """The error for a process that has ended without a word."""
    self._process.join(_SECONDS_TO_END)
    code = self._process.exitcode
    if code == -signal.SIGKILL:
      what = 'was killed, probably for lack of memory: lower its sizes'
    elif code is not None and code < 0:
      what = f'was ended by {signal.Signals(-code).name}'
    else:
      what = f'ended too early, with exit code {code}'
    return errors.UserError(f'The process of case {self.case.name} {what}.')

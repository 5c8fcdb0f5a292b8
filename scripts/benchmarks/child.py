"""The process of one case: builds it, and steps when it is told to.

It answers in pairs (kind, value):

  ('started', seconds)   the first step is done; from the parent's `start`
  ('step', StepTime)     for each GO
  ('end', Measured)      for END; afterwards the process ends
  ('error', sentence)    instead of any of these; afterwards the process ends
"""

from __future__ import annotations

import dataclasses
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any, NamedTuple

from benchmarks import case as case_lib
from deeplab_nas import errors
from deeplab_nas.report import dry_run
from deeplab_nas.runtime import tensorflow_setup

GO = 'go'
END = 'end'
# By name: this module must not pull in TensorFlow.
_MEMORY_ERRORS = ('MemoryError', 'ResourceExhaustedError')


class StepTime(NamedTuple):
  """Seconds of a step, and those that the process had a core, all threads."""

  seconds: float
  cpu_seconds: float


@dataclasses.dataclass(frozen=True)
class Measured:
  """What a process knows of itself at its end.

  Attributes:
    peak_bytes: The most memory that it had until its last step.
    facts: Those of the case.
    threads: Those of TensorFlow, by name; 0 where it chooses. Empty if it was
      not imported.
  """

  peak_bytes: int
  facts: dict[str, Any]
  threads: dict[str, int]


def serve(
  connection: multiprocessing.connection.Connection,
  case: case_lib.Case,
  start: float,
) -> None:
  """Runs in the child; ends with END or when the parent is gone.

  Args:
    connection: To the parent.
    case: What to run.
    start: `time.time()` just before the process was made.
  """
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent takes Ctrl-C
  threading.Thread(target=_end_with_parent, daemon=True).start()
  os.dup2(2, 1)  # stdout is for results
  tensorflow_setup.silence()
  try:
    _serve(connection, case, start)
  except Exception as error:
    if not isinstance(error, errors.UserError):
      traceback.print_exc(file=sys.stderr)
    connection.send(('error', sentence(error)))


def _end_with_parent() -> None:
  """Ends this process when a killed parent cannot, however long a step is."""
  multiprocessing.parent_process().join()
  os._exit(1)


def sentence(error: Exception) -> str:
  """What happened, to follow the name of the case."""
  if isinstance(error, errors.UserError):
    return f'cannot run: {error}'
  name = type(error).__name__
  if name in _MEMORY_ERRORS:
    return 'ran out of memory: lower its sizes.'
  first_line = (str(error).splitlines() or [''])[0].rstrip('.')
  return f'failed: {name}{first_line and ": "}{first_line}.'


def _serve(
  connection: multiprocessing.connection.Connection,
  case: case_lib.Case,
  start: float,
) -> None:
  job = case.build(**case.settings)
  try:
    job.step()
    connection.send(('started', time.time() - start))
    while _question(connection) != END:
      begin, cpu_begin = time.perf_counter(), time.process_time()
      job.step()
      seconds = time.perf_counter() - begin
      step_time = StepTime(seconds, time.process_time() - cpu_begin)
      connection.send(('step', step_time))
    peak = dry_run.peak_bytes()
    connection.send(('end', Measured(peak, dict(job.facts()), _threads())))
  finally:
    job.close()


def _question(connection: multiprocessing.connection.Connection) -> str:
  try:
    return connection.recv()
  except EOFError:  # the parent is gone, or has closed
    raise SystemExit from None


def _threads() -> dict[str, int]:
  tf = sys.modules.get('tensorflow')
  if tf is None:
    return {}
  return {
    'inter_op': tf.config.threading.get_inter_op_parallelism_threads(),
    'intra_op': tf.config.threading.get_intra_op_parallelism_threads(),
  }

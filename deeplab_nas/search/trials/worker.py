"""The process that runs trials: python -m deeplab_nas.search.trials.worker.

It reads lines: the settings first, as JSON, then a job for each trial. It
answers with lines: BEAT at signs of life, DONE and the number of a trial whose
outcome is written, or LAST likewise where it takes no other one, since the
trial failed and may have left something behind. It ends when its input does, as
it does when the driver is gone, however long a step takes.
"""

from __future__ import annotations

import dataclasses
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from typing import TextIO

from absl import logging

from deeplab_nas.config import config as config_lib
from deeplab_nas.run import child_process
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials import outcome

BEAT = 'beat'
DONE = 'done'
LAST = 'last'
_BEAT_SECONDS = 1.0


def main() -> None:
  """Runs jobs until the input ends."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver takes Ctrl-C
  child_process.die_with_parent()
  answers = os.fdopen(os.dup(1), 'w')
  os.dup2(2, 1)  # nothing else may answer
  logging.use_absl_handler()
  logging.set_verbosity(logging.INFO)  # log.txt has it
  lines: queue.Queue[str] = queue.Queue()
  threading.Thread(target=_read, args=(lines,), daemon=True).start()
  config = config_lib.Config.from_dict(json.loads(lines.get()))
  tensorflow_setup.prepare(config.runtime, optimizes_graphs=False)
  from deeplab_nas.search.trials import evaluate

  evaluator = evaluate.Evaluator(config)
  beat = _Beat(answers)
  start = time.process_time()
  while True:
    job = job_lib.Job.from_line(lines.get())
    beat()
    found = run(evaluator, job, beat)
    found = dataclasses.replace(found, process_cpu_seconds=start)
    start = 0.0
    found.save(job.outcome)
    is_last = found.failure not in (None, outcome.NAN)
    print(LAST if is_last else DONE, job.number, file=answers, flush=True)
    if is_last:
      os._exit(0)


def run(evaluator, job: job_lib.Job, beat) -> outcome.Outcome:
  """The outcome of a trial; what nobody foresaw is one too."""
  try:
    return evaluator(job, beat)
  except Exception as error:
    traceback.print_exc(file=sys.stderr)
    first_line = (str(error).splitlines() or [''])[0]
    reason = f'{type(error).__name__}: {first_line}'
    return outcome.Outcome(job.key, failure=reason)


class _Beat:
  """Says now and then that there is progress."""

  def __init__(self, answers: TextIO):
    self._answers = answers
    self._last = 0.0

  def __call__(self) -> None:
    now = time.monotonic()
    if now - self._last >= _BEAT_SECONDS:
      self._last = now
      print(BEAT, file=self._answers, flush=True)


def _read(lines: queue.Queue[str]) -> None:
  for line in sys.stdin:
    lines.put(line)
  os._exit(0)  # the driver has closed, or is gone


if __name__ == '__main__':
  main()

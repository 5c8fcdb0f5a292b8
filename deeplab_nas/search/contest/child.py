"""A process that runs one search: python -m deeplab_nas.search.contest.child.

It takes the settings as a file, and a folder. A relaxed search first measures
the processor time of its steps, and takes as many as the budget allows. While
it runs, `usage.json` beside the folder says how much processor time it took.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
import resource
import sys
import threading
import time
from collections.abc import Callable

from absl import logging

from deeplab_nas import errors, files, safe_json
from deeplab_nas.config import config as config_lib
from deeplab_nas.run import child_process, lifecycle, stop_signals
from deeplab_nas.search import strategies

# After the name of the folder: seconds by session; steps of each epoch.
USAGE, STEPS = 'usage.json', 'steps.json'
_NOTE_SECONDS = 5.0


def main(config_file: str, folder: str, dies: bool = True) -> int:
  """Runs or goes on with a search; returns the exit code.

  Args:
    config_file: The settings.
    folder: Of the run.
    dies: Whether this process ends with its parent.
  """
  if dies:
    child_process.die_with_parent()
  logging.use_absl_handler()
  logging.set_verbosity(logging.INFO)
  run_dir = pathlib.Path(folder)
  config = config_lib.load(config_file)
  is_relaxed = not strategies.is_by_trials(config.search.strategy)
  try:
    with stop_signals.StopSignals(), _Usage(run_dir) as noted:
      if is_relaxed:
        config = _as_long_as_allowed(config, run_dir, noted)
      started = lifecycle.started(
        config,
        folder,
        'search',
        sys.argv,
        resume=run_dir.is_dir(),
        with_tensorflow=is_relaxed,
      )
      with started as (run, found):
        strategies.load_family(config.search.strategy).run(found, run, True)
  except errors.UserError as error:
    print(f'error: {error}', file=sys.stderr)
    return 2
  except (errors.Preempted, KeyboardInterrupt):
    return 75
  return 0


def usage(run_dir: pathlib.Path) -> float:
  """Seconds of processors that the sessions of a search took; 0 of none."""
  return sum(_read(run_dir).values())


def affordable_steps(
  config: config_lib.Config,
  start: float,
  weight_step: float,
  arch_step: float,
  end: float = 0.0,
  mean_cost: Callable[[int], float] = lambda num_steps: 1.0,
) -> int:
  """Steps in each epoch of a relaxed search that fill its budget.

  Args:
    config: Epochs, and how many of them leave the architecture alone.
    start: Seconds until the first step is done.
    weight_step: Seconds of a step of the weights.
    arch_step: Seconds of an early step of the strategy.
    end: Seconds from the last step until the strategy has decided.
    mean_cost: From the steps of a whole search to what the strategy's steps
      take in the mean, by what early ones do.

  Raises:
    UserError: If there is no time for a step in each epoch.
  """
  search = config.search

  def seconds(steps: int) -> float:
    num_arch = steps * (search.epochs - search.arch_start_epoch)
    later = num_arch * arch_step * mean_cost(steps * search.epochs)
    return steps * search.epochs * weight_step + later

  left = search.budget_seconds() - start - end
  found = int(left / (search.epochs * weight_step))
  while found > 0 and seconds(found) > left:
    # Of fewer steps each takes as long or longer: there is time for no more.
    found = min(found - 1, int(found * left / seconds(found)))
  errors.require(
    found > 0,
    f'A budget of {search.budget_seconds():.0f} s is too short for'
    f' {search.strategy}: {search.epochs} epochs of one step take'
    f' {start + seconds(1):.0f} s{_and_then(search.strategy, end)}',
  )
  return found


def _and_then(strategy: str, end: float) -> str:
  """How a sentence ends that says how long all steps would take."""
  if not end:
    return '. Allow more, or lower search.epochs.'
  settings = 'population_size', 'num_generations', 'num_images'
  names = ' or '.join(f'{strategy}.{name}' for name in settings)
  return (
    f', and all scores at the end {end:.0f} s. Allow more, or lower {names}.'
  )


def _as_long_as_allowed(
  config: config_lib.Config, run_dir: pathlib.Path, noted: _Usage
) -> config_lib.Config:
  """With the steps that the first session has chosen.

  It is not validated but on one image, and no statistics are taken anew for
  that: it would take time, and decide nothing.
  """
  config = dataclasses.replace(
    config,
    data=dataclasses.replace(config.data, max_val_images=1),
    search=dataclasses.replace(config.search, recalibration_batches=0),
  )
  path = _beside(run_dir, STEPS)
  steps = safe_json.parse(files.read(path)) if path.is_file() else None
  if steps is None:
    steps = _measured(config, noted)
    files.write(path, f'{steps}\n')
    logging.info('%d steps in each epoch fill the budget.', steps)
  search = dataclasses.replace(config.search, steps_per_epoch=steps)
  return dataclasses.replace(config, search=search)


def _measured(config: config_lib.Config, noted: _Usage) -> int:
  """Affordable steps; the search that follows starts anew."""
  from deeplab_nas.runtime import tensorflow_setup

  tensorflow_setup.prepare(config.runtime, optimizes_graphs=False)
  import tensorflow as tf

  from deeplab_nas.report import measure
  from deeplab_nas.search.relaxed import run as relaxed_run

  before = time.process_time()
  clock = time.process_time
  started = measure.start(functools.partial(relaxed_run.build, config), clock)
  seconds = relaxed_run.seconds_of_steps(started, clock)
  scores = relaxed_run.scoring(started.run, clock)
  cost = functools.partial(relaxed_run.mean_cost, started.run)
  end = scores['num_scored'] * scores['score_seconds'] if scores else 0.0
  tf.keras.backend.clear_session()
  noted.uncounted = clock() - before
  return affordable_steps(config, before + started.seconds, *seconds, end, cost)


class _Usage:
  """Says every few seconds what this session has taken, while it is open.

  Attributes:
    uncounted: Seconds that are not the search's.
  """

  def __init__(self, run_dir: pathlib.Path):
    self.uncounted = 0.0
    self._run_dir = run_dir
    self._session = str(time.time_ns())
    self._ended = threading.Event()
    self._watcher = threading.Thread(target=self._watch, daemon=True)

  def __enter__(self) -> _Usage:
    self._run_dir.parent.mkdir(parents=True, exist_ok=True)
    self._watcher.start()
    return self

  def __exit__(self, *_) -> None:
    self._ended.set()
    self._watcher.join()
    self._note()

  def _watch(self) -> None:
    while not self._ended.wait(_NOTE_SECONDS):
      self._note()

  def _note(self) -> None:
    seconds = _spent() - self.uncounted
    spent = {**_read(self._run_dir), self._session: seconds}
    files.write(_beside(self._run_dir, USAGE), json.dumps(spent) + '\n')


def _spent() -> float:
  """By this process and its children that have ended."""
  children = resource.getrusage(resource.RUSAGE_CHILDREN)
  return time.process_time() + children.ru_utime + children.ru_stime


def _beside(run_dir: pathlib.Path, ending: str) -> pathlib.Path:
  return run_dir.with_name(f'{run_dir.name}.{ending}')


def _read(run_dir: pathlib.Path) -> dict[str, float]:
  path = _beside(run_dir, USAGE)
  return safe_json.parse(files.read(path)) if path.is_file() else {}


if __name__ == '__main__':
  sys.exit(main(*sys.argv[1:]))

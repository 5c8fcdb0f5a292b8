"""Runs the searches of a comparison, one after the other, and reads them."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import time
from typing import NamedTuple

from deeplab_nas import errors, files
from deeplab_nas.run import child_process, stop_signals
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import strategies
from deeplab_nas.search.contest import child
from deeplab_nas.search.contest import plan as plan_lib
from deeplab_nas.search.trials import driver as driver_lib
from deeplab_nas.search.trials import ledger as ledger_lib
from deeplab_nas.space import genotype as genotype_lib

_MODULE = 'deeplab_nas.search.contest.child'
_TICK_SECONDS = 0.5
_SECONDS_TO_END = 120


class Searched(NamedTuple):
  """A search that has ended.

  Attributes:
    search: Which.
    genotype: What it found.
    seconds: Of processors, that it took.
    num_trials: Networks that it trained; None of a relaxed one.
  """

  search: plan_lib.Search
  genotype: genotype_lib.Genotype
  seconds: float
  num_trials: int | None


def is_done(folder: pathlib.Path, search: plan_lib.Search) -> bool:
  """Whether the search has ended."""
  return run_directory.RunDirectory(folder / search.name).summary.is_file()


def run(
  plan: plan_lib.Plan,
  search: plan_lib.Search,
  folder: pathlib.Path,
  stop: stop_signals.StopSignals | None = None,
) -> None:
  """Runs a search, or goes on with it, in a process of its own.

  Args:
    plan: The comparison.
    search: One of its searches.
    folder: Of all searches.
    stop: Asks for an early end, which the search is told.

  Raises:
    UserError: If the search failed.
  """
  folder.mkdir(parents=True, exist_ok=True)
  config = folder / f'{search.name}.yaml'
  files.write(config, plan.config_of(search).to_yaml())
  log = folder / f'{search.name}.log'
  with open(log, 'ab') as output:
    process = subprocess.Popen(
      [sys.executable, '-m', _MODULE, config, folder / search.name],
      stdout=output,
      stderr=output,
      env=child_process.environment(),
      start_new_session=True,  # a Ctrl-C is for this process, which asks it
    )
  try:
    while process.poll() is None and not (stop and stop.is_asked):
      time.sleep(_TICK_SECONDS)
    if process.poll() is None:
      process.terminate()
      process.wait(_SECONDS_TO_END)
  finally:
    process.kill()
    process.wait()
  if stop and stop.is_asked:
    return
  if process.returncode or not is_done(folder, search):
    raise errors.UserError(
      f'The search {search.name} ended with {process.returncode}:'
      f' {_last_words(log)}; {log} has all that it said.'
    )


def read(
  plan: plan_lib.Plan, search: plan_lib.Search, folder: pathlib.Path
) -> Searched:
  """What a search that has ended found, and what it took."""
  run = run_directory.RunDirectory(folder / search.name)
  genotype = genotype_lib.Genotype.load(run.genotype)
  if not strategies.is_by_trials(search.strategy):
    return Searched(search, genotype, child.usage(run.path), None)
  objectives = plan.config_of(search).search.objectives
  ledger = ledger_lib.Ledger(run.ledger, objectives)
  trials = ledger.trials
  ledger.close()
  found = driver_lib.outcomes(run.trials, trials).values()
  seconds = sum(each.processor_seconds for each in found)
  return Searched(search, genotype, seconds, len(trials))


def _last_words(log: pathlib.Path) -> str:
  """The last sentence of an error, without its mark."""
  lines = log.read_text('utf-8', 'replace').strip().splitlines() or ['nothing']
  return lines[-1].removeprefix('error: ').rstrip('.')

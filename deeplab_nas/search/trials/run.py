"""One study, from a configuration to `genotype.json`; needs no TensorFlow.

The trials run in processes of their own, which import it.
"""

from __future__ import annotations

import dataclasses
import io
import pathlib

from absl import logging

from deeplab_nas import errors, files
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import search as config_search
from deeplab_nas.data import classes, dataset_info
from deeplab_nas.report import text
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import stop_signals
from deeplab_nas.search import strategies
from deeplab_nas.search.contest import finalists
from deeplab_nas.search.trials import costs, estimate, strategy, width
from deeplab_nas.search.trials import driver as driver_lib
from deeplab_nas.search.trials import executor as executor_lib
from deeplab_nas.search.trials import ledger as ledger_lib
from deeplab_nas.search.trials.cluster import ray_executor
from deeplab_nas.search.trials.compression import students
from deeplab_nas.search.trials.results import curves, front, picture, report
from deeplab_nas.space import draw, latency, widest
from deeplab_nas.space import genotype as genotype_lib


@dataclasses.dataclass(frozen=True)
class Parts:
  """What a study is made of.

  Attributes:
    study: What strategies know of it.
    widths: Of its trials.
    limits: When it ends.
  """

  study: strategy.Study
  widths: width.Widths
  limits: driver_lib.Limits


def build(config: config_lib.Config) -> Parts:
  """Reads the data's description.

  Raises:
    UserError: If there is none, or settings do not fit.
  """
  data, search = config.data, config.search
  errors.require(
    not search.cluster or not strategies.load(search.strategy).inherits,
    f'Trials of {search.strategy} begin with weights of others, which are in'
    ' files of this machine: leave search.cluster out, or choose another'
    ' search.strategy.',
  )
  errors.require(
    config.runtime.distribution == 'none',
    f'runtime.distribution is {config.runtime.distribution}, but each trial of'
    f' {search.strategy} is on one device: set it to none, or choose a search'
    f' by gradients, such as search.strategy={type(search).strategy}.',
  )
  info = dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
  classes.require_several(info, data.train_split)
  space = config.space.build()
  table = costs.latencies(config)
  start = None
  if students.is_asked_for(config):
    found = students.from_config(config, info, table)
    space, widths, is_within = found.space, found.widths, found.is_within
    start = space.teacher
  else:
    widths = width.from_config(config, space, info.num_classes, table)
    is_within = widths.is_within
  if table is not None:
    wide = [(g, widths.widest(g)) for g in width.sample(space)]
    costs.check_covers(
      costs.timed(config, space, info.num_classes, table),
      [(genotype, found) for genotype, found in wide if found],
    )
  study = strategy.Study(
    space,
    strategies.load(search.strategy).fidelities(
      search, strategies.settings(config)
    ),
    search.objectives,
    is_within,
    start,
    lambda genotype: _costs(config, widths, genotype, info.num_classes, table),
  )
  seconds, num_trials = search.budget_seconds(), search.num_trials
  if seconds is None and num_trials is None:
    num_trials = config_search.DEFAULT_TRIALS
  limits = driver_lib.Limits(
    num_trials,
    seconds,
    search.parallel_trials,
    search.budget_clock == 'processor',
  )
  return Parts(study, widths, limits)


def _costs(
  config: config_lib.Config,
  widths: width.Widths,
  genotype: genotype_lib.Genotype,
  num_classes: int,
  table: latency.LatencyTable | None,
) -> dict[str, float]:
  """What a full trial of a genotype within the budget will note."""
  network = dataclasses.replace(
    config.network, filter_multiplier=widths.widest(genotype)
  )
  wide = dataclasses.replace(config, network=network)
  return costs.of(wide, genotype, num_classes, table)


def run(
  config: config_lib.Config,
  directory: run_directory.RunDirectory,
  resume: bool = False,
) -> None:
  """Searches, and writes `genotype.json` and all else to the run's folder.

  Args:
    config: Every setting.
    directory: Where the results go.
    resume: Makes no difference: a study goes on with the trials it has.

  Raises:
    UserError: If the data does not fit, or no trial succeeded.
  """
  del resume
  parts = build(config)
  ledger = ledger_lib.Ledger(directory.ledger, parts.study.objectives)
  ledger.keep(_facts(config))
  if any(not t.is_pending for t in ledger.trials):
    directory.settle()
  name = config.search.strategy
  chosen = strategies.load(name)(parts.study, strategies.settings(config))
  directory.trials.mkdir(exist_ok=True)
  executor = _executor(config, directory.trials / 'log.txt')
  again = finalists.Phase(
    parts.study,
    parts.widths,
    dataclasses.replace(parts.limits, capacity=executor.capacity),
    ledger_lib.Ledger(directory.finals_ledger, parts.study.objectives),
    directory.finals,
    config.search.final_seeds,
    config.runtime.seed,
  )
  driver = _driver(config, directory, parts, ledger, chosen, executor, again)
  with stop_signals.StopSignals() as stop, stop.deferred():
    finals = None
    try:
      driver.run(stop, keeps_executor=True)
      trials, best = ledger.trials, chosen.best(ledger.trials)
      if best and again.wanted and not stop.is_asked:
        finals = finalists.choose(parts.study, trials, best[0])
        finals = again.train(finals, driver.timed, executor, driver.spent, stop)
    finally:
      executor.cancel()
    if stop.is_asked:
      _say_how_to_go_on(ledger)
      stop.end()
  _finish(config, directory, parts, ledger, chosen, again.ledger, finals)


def _driver(
  config: config_lib.Config,
  directory: run_directory.RunDirectory,
  parts: Parts,
  ledger: ledger_lib.Ledger,
  chosen: strategy.TrialStrategy,
  executor: executor_lib.Executor,
  again: finalists.Phase,
) -> driver_lib.Driver:
  """The driver of a study, which tells of each trial."""
  logging.info(
    'Trials are as wide as %s %s allow, %d at a time.',
    text.count(parts.widths.budget),
    widest.WORDS[parts.widths.measure],
    executor.capacity,
  )
  curves_of = curves.Curves(directory, parts.study, ledger.trials)

  def note(trial: strategy.Trial) -> None:
    left, limit = driver.seconds_left(), parts.limits.num_trials
    line = report.line(parts.study, ledger.trials, trial, limit, left)
    logging.info('%s', line)
    _write(directory, ledger, chosen, again.ledger)
    curves_of.add(trial)
    directory.settle()

  driver = driver_lib.Driver(
    chosen,
    ledger,
    executor,
    parts.widths,
    parts.limits,
    config.runtime.seed,
    directory.trials,
    note,
    reserve=again.reserved,
    seconds_elsewhere=driver_lib.spent(
      parts.limits, again.ledger, directory.finals
    ),
  )
  return driver


def _executor(
  config: config_lib.Config, log: pathlib.Path
) -> executor_lib.Executor:
  """Runs trials on this machine, or on a cluster."""
  search = config.search
  settings = config.to_dict(), search.parallel_trials, search.trial_timeout, log
  if search.cluster:
    return ray_executor.RayExecutor(*settings, search.cluster)
  return executor_lib.LocalExecutor(*settings)


def _facts(config: config_lib.Config) -> dict[str, object]:
  """Settings that a study may not change; others are those of every run.

  Which weights are still there depends on how many trials run at a time.
  """
  settings = config.to_dict()
  facts = {
    f'{section}.{key}': value
    for section in ('network', 'train', config.search.strategy)
    for key, value in settings.get(section, {}).items()
  }
  if strategies.load(config.search.strategy).inherits:
    facts['search.parallel_trials'] = config.search.parallel_trials
  return {**facts, 'runtime.seed': config.runtime.seed}


def _write(
  directory: run_directory.RunDirectory,
  ledger: ledger_lib.Ledger,
  chosen: strategy.TrialStrategy,
  finals_ledger: ledger_lib.Ledger,
) -> None:
  """What others may read while the study runs."""
  best = chosen.best(ledger.trials)
  ledger.export(directory.candidates, finals_ledger, best)
  if best:
    best[0].save(directory.genotype)


def _say_how_to_go_on(ledger: ledger_lib.Ledger) -> None:
  done = sum(not t.is_pending for t in ledger.trials)
  logging.info(
    'Stopped after %d trials. The same command with --resume goes on.', done
  )


def _finish(
  config: config_lib.Config,
  directory: run_directory.RunDirectory,
  parts: Parts,
  ledger: ledger_lib.Ledger,
  chosen: strategy.TrialStrategy,
  finals_ledger: ledger_lib.Ledger,
  finals: finalists.Finals | None,
) -> None:
  trials = ledger.trials
  _write(directory, ledger, chosen, finals_ledger)
  if not any(t.scores is not None for t in trials):
    reasons = [t.failure for t in trials if t.failure is not None]
    errors.require(
      any(reason != driver_lib.OUT_OF_TIME for reason in reasons),
      f'No trial ended within search.budget={config.search.budget}: allow more'
      ' and go on with --resume, or shorten search.trial_steps.',
    )
    first = f': the first one because of {reasons[0]}' if reasons else ''
    raise errors.UserError(
      f'None of {len(trials)} trials succeeded{first.rstrip(".")}. What their'
      f' processes said is in {directory.trials / "log.txt"}.'
    )
  front.save(directory, parts.study, trials)
  best = chosen.best(trials)[0]
  constant = report.constant(directory, trials, best)
  picture.save(
    parts.study,
    trials,
    directory.pictures / 'trials.png',
    best,
    constant.get(parts.study.objectives[0]),
  )
  content = io.BytesIO()
  draw.save_picture(best, content, f'{directory}')
  files.write(directory.pictures / 'genotype.png', content.getvalue())
  remarks = chosen.remarks(trials)
  seconds = ledger.seconds + finals_ledger.seconds
  summary = report.summarize(
    directory, parts.study, trials, seconds, best, remarks, finals
  )
  files.write(directory.summary, summary + '\n')


def dry_run(config: config_lib.Config) -> estimate.Estimate:
  """Runs a few steps of trials and measures them.

  Raises:
    UserError: If the data does not fit, or a trial fails.
  """
  parts = build(config)
  return estimate.measure(config, parts.study, parts.widths, parts.limits)

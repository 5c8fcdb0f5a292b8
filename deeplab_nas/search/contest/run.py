"""A comparison of strategies, from its plan to its table.

    comparison.json   what all sessions have in common
    searches/         the run folder of each search, its settings and its log
    finals.db         trainings of what they found, by one protocol
    finals/           the outcome of each
    results.json      all numbers
    results.png       scores by strategy
    summary.txt       the table

All that has ended is in files; the same command goes on with the rest.
TensorFlow is not imported here.
"""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Sequence

import numpy as np
from absl import logging

from deeplab_nas import errors, files, folder_lock, wording
from deeplab_nas.data import dataset_info
from deeplab_nas.report import text
from deeplab_nas.run import stop_signals
from deeplab_nas.search.contest import finalists, result, searches
from deeplab_nas.search.contest import plan as plan_lib
from deeplab_nas.search.trials import costs, strategy, width
from deeplab_nas.search.trials import driver as driver_lib
from deeplab_nas.search.trials import executor as executor_lib
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials import ledger as ledger_lib
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import genotype_source, search_space

FACTS = 'comparison.json'
# Apart from the seeds of searches and their trials.
_SEED_STREAM = 2**33
_DRAWS = 1000


def run(plan: plan_lib.Plan, folder: pathlib.Path) -> str:
  """Runs what is left of a comparison, and returns its summary.

  Args:
    plan: What is compared.
    folder: Where the results are, those of earlier sessions among them.

  Raises:
    UserError: If the folder holds another comparison, or a search failed.
  """
  folder.mkdir(parents=True, exist_ok=True)
  lock = folder_lock.take(folder)
  others = [path.name for path in folder.iterdir()]
  errors.require(
    not others or (folder / FACTS).is_file(),
    f'{folder} holds {others[:1]}, but no comparison: choose another folder.',
  )
  space, widths = _space(plan)
  errors.require(
    any(map(widths.is_within, width.sample(space))),
    f'search.trial_budget is {widths.budget:g}, which random architectures'
    ' exceed at any width: raise it.',
  )
  for name in plan.others:
    genotype = genotype_source.read(name)
    errors.require(
      genotype in space,
      f'{name} is not in the space that is searched: its network would have'
      ' other layers or blocks.',
    )
  plan_lib.keep(folder / FACTS, plan)
  with stop_signals.StopSignals() as stop, stop.deferred():
    found = _search(plan, folder / 'searches', stop)
    entries = []
    if not stop.is_asked:
      chosen = _chosen(plan, found, space, widths)
      entries = _train(plan, folder, chosen, widths, stop)
    if stop.is_asked:
      logging.info('Stopped. The same command goes on.')
      stop.end()
  del lock
  facts = {
    'budget': plan.seconds,
    'measure': widths.measure,
    'limit': widths.budget,
    'seeds': plan.num_seeds,
    'steps': plan.final_steps,
    'images': _unseen(plan),
  }
  summary = result.summary(entries, facts)
  result.save(entries, facts, folder / 'results.json')
  result.draw(entries, folder / 'results.png')
  files.write(folder / 'summary.txt', summary + '\n')
  return summary


def _space(
  plan: plan_lib.Plan,
) -> tuple[search_space.SearchSpace, width.Widths]:
  data = plan.config.data
  info = dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
  space = plan.config.space.build()
  return space, width.from_config(
    plan.config, space, info.num_classes, costs.latencies(plan.config)
  )


def _unseen(plan: plan_lib.Plan) -> str:
  data = plan.config.data
  if data.held_out_fraction:
    return f'{data.held_out_fraction:g} of {data.train_split}, held out'
  return data.val_split


def _search(
  plan: plan_lib.Plan,
  folder: pathlib.Path,
  stop: stop_signals.StopSignals,
) -> list[searches.Searched]:
  """All searches, those of earlier sessions read back."""
  found, took = [], []
  for number, search in enumerate(plan.searches):
    if not searches.is_done(folder, search):
      logging.info(
        'Search %d of %d: %s, seed %d.',
        number + 1,
        len(plan.searches),
        search.strategy,
        search.seed,
      )
      began = time.monotonic()
      searches.run(plan, search, folder, stop)
      if stop.is_asked:
        return []
      took.append(time.monotonic() - began)
    found.append(searches.read(plan, search, folder))
    left = len(plan.searches) - number - 1
    about = (
      f'; about {text.duration(np.mean(took) * left)} left' if took else ''
    )
    logging.info(
      'Search %d of %d found %s in %s of processor time%s.',
      number + 1,
      len(plan.searches),
      found[-1].genotype.digest,
      text.duration(found[-1].seconds),
      f'{about} for searches' if left else '',
    )
  return found


def _chosen(
  plan: plan_lib.Plan,
  found: Sequence[searches.Searched],
  space: search_space.SearchSpace,
  widths: width.Widths,
) -> list[tuple[genotype_lib.Genotype, result.Entry]]:
  """What is trained by the final protocol, with entries that lack scores."""
  chosen = [
    (
      each.genotype,
      (each.search.strategy, each.search.name, each.seconds, each.num_trials),
    )
    for each in found
  ]
  rng = np.random.default_rng([plan.config.runtime.seed, _SEED_STREAM])
  drawn: dict[genotype_lib.Genotype, None] = {}
  for _ in range(_DRAWS):
    if len(drawn) == plan.num_random:
      break
    genotype = space.random(rng)
    if widths.is_within(genotype):
      drawn.setdefault(genotype)
  chosen += [
    (genotype, (result.RANDOM, f'random architecture {i}', None, None))
    for i, genotype in enumerate(drawn)
  ]
  chosen += [
    (genotype_source.read(name), (result.OTHER, name, None, None))
    for name in plan.others
  ]
  made = []
  for genotype, (group, name, seconds, num_trials) in chosen:
    filters = widths.widest(genotype)
    errors.require(
      filters is not None,
      f'No width of {name} is within {text.count(widths.budget)}'
      f' {widths.measure}: raise search.trial_budget, in another --run_dir.',
    )
    made.append(
      (
        genotype,
        result.Entry(
          group, name, genotype.digest, filters, seconds, num_trials, (), ()
        ),
      )
    )
  return made


def _train(
  plan: plan_lib.Plan,
  folder: pathlib.Path,
  chosen: Sequence[tuple[genotype_lib.Genotype, result.Entry]],
  widths: width.Widths,
  stop: stop_signals.StopSignals,
) -> list[result.Entry]:
  """Trains all of them with fresh seeds; an architecture found twice, once."""
  config = plan.config
  search = dataclasses.replace(  # which begins with no teacher's weights
    config.search, strategy=plan_lib.RANDOM, objectives=('cross_entropy',)
  )
  config = dataclasses.replace(config, search=search)
  again = finalists.Again(
    list(dict.fromkeys(genotype for genotype, _ in chosen)),
    strategy.Fidelity(plan.final_steps),
  )
  ledger = ledger_lib.Ledger(folder / 'finals.db', ('cross_entropy',))
  number = again.num_trials(ledger.trials, plan.num_seeds)
  finals = folder / 'finals'
  finals.mkdir(exist_ok=True)

  def note(trial: strategy.Trial) -> None:
    left = driver.seconds_left()
    done = sum(not t.is_pending for t in ledger.trials)
    logging.info(
      'Training %d of %d: %s%s.',
      done,
      number,
      finalists.described(trial, wording.SCORES),
      f'; about {text.duration(left)} left' if left else '',
    )

  driver = driver_lib.Driver(
    again,
    ledger,
    executor_lib.LocalExecutor(
      config.to_dict(),
      config.search.parallel_trials,
      config.search.trial_timeout,
      finals / 'log.txt',
    ),
    widths,
    driver_lib.Limits(number, None, config.search.parallel_trials),
    driver_lib.seed_of(config.runtime.seed, _SEED_STREAM),
    finals,
    note,
    purpose=job_lib.FINAL,
  )
  driver.run(stop)
  trials = ledger.trials
  ledger.close()
  return [_with_scores(entry, genotype, trials) for genotype, entry in chosen]


def _with_scores(
  entry: result.Entry,
  genotype: genotype_lib.Genotype,
  trials: Sequence[strategy.Trial],
) -> result.Entry:
  """With the scores of all trainings of its architecture."""
  scores = [
    t.scores for t in trials if t.genotype == genotype and t.scores is not None
  ]
  return entry._replace(
    cross_entropy=tuple(each['cross_entropy'] for each in scores),
    miou=tuple(each['miou'] for each in scores),
  )

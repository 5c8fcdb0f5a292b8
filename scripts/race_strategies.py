r"""Races strategies by trials in simulated time, where the best is known.

  python scripts/race_strategies.py --output=races.jsonl --picture=races.png
  python scripts/race_strategies.py --output=made_up.jsonl --arena=made_up:0.8 \
      --strategies=random,halving,halving:trial_steps=50+400 --num_runs=27

Each run is another landscape, the same for all. On `table` it is a draw from
what the table of trials leaves open, with its seconds; `made_up:R` has
formulas, where short and full trials correlate by R and a second is a step. The
strategies are those of real searches and see what they would see there. A
strategy's settings follow its name after colons; trials have their full length
unless it says others. The same command goes on where
an earlier one ended or was killed; more strategies or runs may be added. With
--num_runs=0 what there is is told and drawn.
"""

from __future__ import annotations

import functools
import hashlib
import multiprocessing
import os
import pathlib
import signal
import threading
import time
from collections.abc import Iterator

import numpy as np
import threadpoolctl
from absl import flags, logging

from benchmarks import arenas, contestants, race_records, race_report, races
from deeplab_nas import errors, folder_lock
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main as cli
from deeplab_nas.config import search as config_search
from deeplab_nas.search.trials import driver
from deeplab_nas.search.trials.table import rows

FLAGS = flags.FLAGS
flags.DEFINE_list('strategies', [], 'NAME:KEY=VALUE:..., ...; all by default.')
flags.DEFINE_string('arena', 'table', "'table', or 'made_up:CORRELATION'.")
flags_lib.define_path(FLAGS, 'table', str(rows.PACKAGED), 'File of the table.')
flags.DEFINE_string('budget', '1h', 'Simulated time of a study.')
flags.DEFINE_integer('num_runs', 100, 'Landscapes.', lower_bound=0)
flags.DEFINE_integer('first_run', 0, 'Number of the first.', lower_bound=0)
flags.DEFINE_integer(
  'workers', 2, 'Trials of a study at a time.', lower_bound=1
)
flags.DEFINE_integer('processes', 1, 'Studies at a time.', lower_bound=1)
flags_lib.define_path(FLAGS, 'output', None, 'JSON lines, to be gone on with.')
flags_lib.define_path(FLAGS, 'picture', None, 'PNG file to draw.')

# Times at which regret is noted, the last one being the budget; columns of the
# table among them.
_NUM_TIMES, _FIRST_SHARE = 17, 1 / 16
_COLUMNS = (8, 12, 16)
_SECONDS_BETWEEN_LINES = 10


def main(_) -> None:
  errors.require(bool(FLAGS.output), '--output is missing.')
  texts = FLAGS.strategies or contestants.everyone()
  for text in texts:
    contestants.Contestant.parse(text).build(_arena(0).task.study)
  records = race_records.Records.open(FLAGS.output, _facts())
  runs = range(FLAGS.first_run, FLAGS.first_run + FLAGS.num_runs)
  missing = [(t, run) for run in runs for t in texts if (t, run) not in records]
  if missing:
    _race(missing, records)
  for line in race_report.table(records, texts, _COLUMNS):
    print(line)
  if FLAGS.picture:
    race_report.save_picture(records, texts, FLAGS.picture)


def _race(
  missing: list[tuple[str, int]], records: race_records.Records
) -> None:
  """Adds the studies that are missing, and says how many are left."""
  lock = folder_lock.take(pathlib.Path(FLAGS.output))
  begun = said = time.monotonic()
  for number, record in enumerate(_raced(missing, records.facts), start=1):
    records.append(record)
    now = time.monotonic()
    if now - said > _SECONDS_BETWEEN_LINES or number == len(missing):
      said = now
      left = (now - begun) / number * (len(missing) - number)
      logging.info(
        '%d of %d studies, %s left.',
        *(number, len(missing), race_report.duration(left)),
      )
  del lock


def _facts() -> dict:
  """What all studies of a file have in common."""
  seconds = config_search.SearchConfig(budget=FLAGS.budget).budget_seconds()
  errors.require(bool(seconds), "--budget is empty: write a time such as '1h'.")
  times = seconds * np.geomspace(_FIRST_SHARE, 1, _NUM_TIMES)
  facts = {
    'arena': FLAGS.arena,
    'times': [round(float(each), 3) for each in times],
    'workers': FLAGS.workers,
    'lengths': 'the full one by default',
  }
  if FLAGS.arena == 'table':
    content = pathlib.Path(FLAGS.table).read_bytes()
    facts['table'] = hashlib.sha256(content).hexdigest()[:16]
    facts['num_rows'] = len(rows.Table.load(FLAGS.table))
  return facts


def _raced(
  missing: list[tuple[str, int]], facts: dict
) -> Iterator[race_records.Record]:
  """The studies, in the order in which they end."""
  work = [
    (FLAGS.arena, FLAGS.table, text, run, facts['times'], facts['workers'])
    for text, run in missing
  ]
  if FLAGS.processes == 1:
    yield from map(_study, work)
    return
  context = multiprocessing.get_context('spawn')
  with context.Pool(FLAGS.processes, _begin) as pool:
    yield from pool.imap_unordered(_study, work)


def _begin() -> None:
  """Ends with the process that gives work, whatever became of it."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)
  parent = multiprocessing.parent_process()

  def follow_parent() -> None:
    parent.join()
    os._exit(1)

  threading.Thread(target=follow_parent, daemon=True).start()


@threadpoolctl.threadpool_limits.wrap(limits=1, user_api='blas')
def _study(work: tuple) -> race_records.Record:
  """One study, and what it would have returned at each time."""
  arena_name, table, text, run, times, workers = work
  arena = _landscape(arena_name, table, run)
  begun = time.process_time()
  search = contestants.Contestant.parse(text).build(arena.task.study)
  limits = driver.Limits(None, times[-1], workers)
  found, trials = races.incumbents(
    arena.task, search, times, run, workers, limits.num_hidden
  )
  counts = {
    str(fidelity.steps): sum(t.fidelity == fidelity for t in trials)
    for fidelity in search.study.fidelities
  }
  return race_records.Record(
    text,
    run,
    tuple((arena.loss(g) if g else arena.mean) - arena.least for g in found),
    tuple(arena.share_of_better(g) if g else 0.5 for g in found),
    {steps: count for steps, count in counts.items() if count},
    round(time.process_time() - begun, 3),
  )


def _arena(run: int) -> arenas.Arena:
  return _landscape(FLAGS.arena, FLAGS.table, run)


@functools.lru_cache(maxsize=1)
def _landscape(arena: str, table: str, run: int) -> arenas.Arena:
  return _landscapes(arena, table)(run)


@functools.cache
def _landscapes(arena: str, table: str) -> arenas.Table | arenas.MadeUp:
  if arena == 'table':
    return arenas.Table(rows.Table.load(table))
  kind, _, text = arena.partition(':')
  try:
    correlation = float(text)
  except ValueError:
    correlation = 2.0
  errors.require(
    kind == 'made_up' and -1 <= correlation <= 1,
    f"--arena={arena}: expected 'table', or 'made_up:0.8' with a correlation.",
  )
  return arenas.MadeUp(correlation)


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/race_strategies.py', __doc__)

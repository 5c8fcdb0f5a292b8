r"""Fills the table of trials for developing strategies, or rebuilds a row.

  python scripts/build_table.py --data_dir=camvid_tfrecord --budget=2h
  python scripts/build_table.py --data_dir=camvid_tfrecord \
      --rebuild=f0ab1ee3c1a2:400:0

The first goes on with the file where it ends, or begins a new one; the second
trains one row again (the architecture's digest, steps and seed) and shows both.
What the table is for is on g3doc/projects/table.md.
"""

from __future__ import annotations

import pathlib
import tempfile

from absl import flags, logging

from deeplab_nas import errors, folder_lock
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main as cli
from deeplab_nas.config import search as config_search
from deeplab_nas.search.trials.table import build, plan, protocol, rows

FLAGS = flags.FLAGS
flags_lib.define_path(FLAGS, 'data_dir', None, 'Folder of TFRecord shards.')
flags_lib.define_path(
  FLAGS, 'table', str(rows.PACKAGED), 'File of the table, to be gone on with.'
)
flags.DEFINE_string('budget', '', "Time such as '2h'; no limit by default.")
flags.DEFINE_integer(
  'num_rows', None, 'The most rows to add; no limit by default.', lower_bound=1
)
flags.DEFINE_integer(
  'num_workers', 1, 'Processes, of one thread each.', lower_bound=1
)
flags.DEFINE_string('rebuild', '', 'Row to train again: DIGEST:STEPS:SEED.')


def main(_) -> None:
  errors.require(bool(FLAGS.data_dir), '--data_dir is missing.')
  seconds = config_search.SearchConfig(budget=FLAGS.budget).budget_seconds()
  path = pathlib.Path(FLAGS.table)
  if path.exists():
    table = rows.Table.load(path)
  else:
    errors.require(not FLAGS.rebuild, f'--table={path} does not exist.')
    table = rows.Table(protocol.Protocol())
  with tempfile.TemporaryDirectory() as folder:
    builder = build.Builder(
      table.protocol, FLAGS.data_dir, pathlib.Path(folder), FLAGS.num_workers
    )
    if FLAGS.rebuild:
      old = table.find(FLAGS.rebuild)
      (new,) = builder.run([old.key])
      print(build.Rebuilt(old, new).to_text())
    else:
      if not path.exists():
        table = rows.Table.create(table.protocol, path)
      lock = folder_lock.take(path)
      _fill(table, builder, seconds)
      del lock


def _fill(
  table: rows.Table, builder: build.Builder, seconds: float | None
) -> None:
  """Adds rows until there is no more time, or nothing is missing."""
  wanted = list(plan.keys(table.protocol))
  missing = [key for key in wanted if key not in table.rows]
  for row in builder.run(missing[: FLAGS.num_rows], seconds):
    table.append(row)
    result = row.failure or f'{row.scores["cross_entropy"]:.4f}'
    logging.info(
      '%s: %s, %.1f s; %d of %d rows.',
      *(row.key, result, row.seconds, len(table), len(wanted)),
    )


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/build_table.py', __doc__)

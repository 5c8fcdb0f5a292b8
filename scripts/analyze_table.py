r"""Says what the table of trials can decide, and draws it.

  python scripts/analyze_table.py --picture=table.png --synflow

Noise of seeds, shares of variance, how well shorter trials and numbers without
a trial rank full ones; see g3doc/projects/table.md. With --synflow every
architecture of the table is built, which takes seconds each.
"""

from __future__ import annotations

import pathlib

from absl import flags

from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main as cli
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.search.trials.table import report, rows

FLAGS = flags.FLAGS
flags_lib.define_path(FLAGS, 'table', str(rows.PACKAGED), 'File of the table.')
flags_lib.define_path(FLAGS, 'picture', None, 'PNG file to draw.')
flags.DEFINE_boolean('synflow', False, 'Whether to compute it.')


def main(_) -> None:
  table = rows.Table.load(FLAGS.table)
  synflow = None
  if FLAGS.synflow:
    tensorflow_setup.prepare(table.protocol.config().runtime)
    from deeplab_nas.search.trials.table import synflow as synflow_lib

    synflow = synflow_lib.Synflow(table.protocol)
  print(report.describe(table, synflow))
  if FLAGS.picture:
    report.save_picture(table, pathlib.Path(FLAGS.picture))


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/analyze_table.py', __doc__)

r"""How a graph hypernetwork ranks the architectures of a table of trials.

  python scripts/rank_hypernetwork.py --data_dir=camvid_tfrecord --steps=1000

Trains one on random architectures of the table's space, scores those that the
table has full trials of, and prints how both correlate, beside short trials:
Pearson's r and Kendall's tau, with intervals of 95 % by bootstrap over
architectures. The training is kept in --output: after a kill a second call goes
on with it.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import time

import numpy as np
from absl import flags, logging

from deeplab_nas import errors, wording
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main as cli
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.data import dataset_info
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.search.ranking import agreement
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.table import rows, space
from deeplab_nas.space import genotype as genotype_lib

FLAGS = flags.FLAGS
flags_lib.define_path(FLAGS, 'data_dir', None, 'Folder of TFRecord shards.')
flags_lib.define_path(FLAGS, 'table', str(rows.PACKAGED), 'File of the table.')
flags_lib.define_path(
  FLAGS, 'output', 'hypernetwork_rank', 'Folder of its weights.'
)
flags.DEFINE_integer('steps', 1000, 'Of the hypernetwork.', lower_bound=1)
flags.DEFINE_float(
  'learning_rate', 3e-3, 'Of the hypernetwork.', lower_bound=1e-9
)

Losses = dict[genotype_lib.Genotype, float]


def main(_) -> None:
  errors.require(bool(FLAGS.data_dir), '--data_dir is missing.')
  table = rows.Table.load(FLAGS.table)
  info = dataset_info.DatasetInfo.load(FLAGS.data_dir)
  errors.require(
    info.num_classes == table.protocol.num_classes,
    f'{FLAGS.data_dir} has {info.num_classes} classes, the table is of'
    f' {table.protocol.num_classes}.',
  )
  *short, full = table.protocol.steps
  truth = _mean_losses(table, full)
  errors.require(
    len(truth) >= agreement.FEW,
    f'The table has full trials of {len(truth)} architectures; expected'
    f' {agreement.FEW} or more.',
  )
  _report('hypernetwork', _scores(table, list(truth)), truth)
  for steps in short:
    _report(wording.counted(steps, 'step'), _mean_losses(table, steps), truth)


def _mean_losses(table: rows.Table, steps: int) -> Losses:
  """Cross-entropy of half B, a mean over seeds, in the table's order."""
  found = collections.defaultdict(list)
  for row in table:
    if row.key.steps == steps and row.scores is not None:
      found[row.key.genotype].append(row.scores['cross_entropy'])
  return {genotype: float(np.mean(x)) for genotype, x in found.items()}


def _scores(
  table: rows.Table, genotypes: list[genotype_lib.Genotype]
) -> Losses:
  """Cross-entropy of half B with weights of the hypernetwork."""
  config = table.protocol.config(FLAGS.data_dir)
  config = dataclasses.replace(
    config,
    search=dataclasses.replace(config.search, strategy='graph_hypernetwork'),
    graph_hypernetwork=config_strategies.GraphHypernetworkConfig(
      learning_rate=FLAGS.learning_rate
    ),
    runtime=dataclasses.replace(
      config.runtime, inter_op_threads=1, intra_op_threads=1
    ),
  )
  # As in the processes of a study.
  tensorflow_setup.prepare(config.runtime, optimizes_graphs=False)
  from deeplab_nas.search.trials import evaluate
  from deeplab_nas.search.trials.learnt import hypernetwork

  models = hypernetwork.Models(config, space.SPACE)
  evaluator = evaluate.Evaluator(config, models=models)
  fidelity = strategy.Fidelity(FLAGS.steps, evaluator=strategy.HYPERNETWORK)
  widths, found = table.protocol.widths(), {}
  folder, began = pathlib.Path(FLAGS.output), time.process_time()
  for number, genotype in enumerate(genotypes):
    filters = widths.widest(genotype)
    outcome = evaluator(
      job_lib.Job(number, genotype, fidelity, number, filters, folder / 'score')
    )
    errors.require(outcome.failure is None, f'It failed: {outcome.failure}.')
    found[genotype] = outcome.scores['cross_entropy']
    logging.info(
      '%d of %d scored, %.0f s of processor time.',
      len(found),
      len(genotypes),
      time.process_time() - began,
    )
  print(
    f'Cross-entropy {min(found.values()):.3f} to {max(found.values()):.3f} with'
    ' weights of the hypernetwork;'
    f' {outcome.constant["cross_entropy"]:.3f} with no look at the image.'
  )
  return found


def _report(name: str, losses: Losses, truth: Losses) -> None:
  """Correlations with full trials: of all, and of the better half."""
  best = sorted(losses.keys() & truth.keys(), key=truth.get)
  for which, of in (('all', best), ('better half', best[: len(best) // 2])):
    if len(of) < agreement.FEW:
      continue
    x, y = [losses[g] for g in of], [truth[g] for g in of]
    r, tau = agreement.pearson(x, y), agreement.overall(x, y)
    print(
      f'{name}, {which} {len(of)}: r {r.value:.2f}'
      f' ({r.low:.2f} to {r.high:.2f}), tau {tau.value:.2f}'
      f' ({tau.low:.2f} to {tau.high:.2f}), p {tau.p_value:.2f}.',
      flush=True,
    )


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/rank_hypernetwork.py', __doc__)

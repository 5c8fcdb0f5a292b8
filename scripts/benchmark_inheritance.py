r"""Measures what a child's inherited weights save in steps.

  python scripts/benchmark_inheritance.py --config=camvid_train \
      --data_dir=camvid_tfrecord --set=search.trial_steps=[100,200,400]

Trains random architectures by the longest of the trial steps, and of each a
random mutant by all of them, twice: with its parent's weights, as `lemonade`
does, and from scratch, with the same seed and batches. Prints a line of JSON
for each pair:

  cross_entropy    of half B: the parent's, and by steps those of the child
  to_same_loss     steps, those of distillation among them, until the loss of
                   the longest inherited training, in the mean of a window, is
                   what it is at the end of the one from scratch; null if never
  to_half_way      likewise, to the loss of the middle of the one from scratch
  steps_distilled  before the steps of the inherited trainings
  approximate      what of the parent's function the child has not, [] if it
                   has all
"""

from __future__ import annotations

import json
import pathlib
import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np
from absl import flags

from benchmarks import machine
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main as cli
from deeplab_nas.config import config as config_lib
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.search.trials import driver, outcome, run, strategy
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.space import genotype as genotype_lib

FLAGS = flags.FLAGS
flags_lib.define_path(FLAGS, 'config', 'camvid_train', 'A YAML file or preset.')
flags_lib.define_path(FLAGS, 'data_dir', None, 'Folder of TFRecord shards.')
flags.DEFINE_integer('num_pairs', 4, 'Parents, one child each.', lower_bound=1)
flags.DEFINE_integer('seed', 0, 'Of the architectures.', lower_bound=0)
flags.DEFINE_integer(
  'window', 20, 'Steps of which a loss is the mean.', lower_bound=1
)
flags.DEFINE_multi_string(
  'set', [], 'Changes a setting: section.key=value; may be repeated.'
)


def main(_) -> None:
  config = config_lib.load(
    FLAGS.config,
    [
      'search.strategy=lemonade',
      'runtime.inter_op_threads=1',
      'runtime.intra_op_threads=1',
      *FLAGS['set'].value,
    ],
    FLAGS.data_dir,
  )
  tensorflow_setup.prepare(config.runtime, optimizes_graphs=False)
  where = machine.describe()
  with tempfile.TemporaryDirectory() as folder:
    for line in _lines(config, pathlib.Path(folder)):
      print(json.dumps({**line, **where}), flush=True)


def _lines(
  config: config_lib.Config, folder: pathlib.Path
) -> Iterator[dict[str, Any]]:
  """What the trainings of each pair gave."""
  pairs = _Pairs(config, folder)
  rng = np.random.default_rng(FLAGS.seed)
  space = pairs.study.space
  for number in range(FLAGS.num_pairs):
    parent = space.random(rng)
    child = space.mutate(parent, rng)
    yield {'pair': number, **pairs.compare(number, parent, child)}


class _Pairs:
  """Trains parents and children in this process.

  Attributes:
    study: The space and the lengths of trainings.
  """

  def __init__(self, config: config_lib.Config, folder: pathlib.Path):
    from deeplab_nas.search.trials import evaluate

    parts = run.build(config)
    self.study = parts.study
    self._widths = parts.widths
    self._evaluator = evaluate.Evaluator(config)
    self._folder = folder
    self._num_trained = 0

  def compare(
    self,
    pair: int,
    parent: genotype_lib.Genotype,
    child: genotype_lib.Genotype,
  ) -> dict[str, Any]:
    """One line of the output, or the failure of a training."""
    first = self._num_trained
    teacher = self._trained(parent, self.study.full, 2 * pair)
    if teacher.failure:
      return {'failure': teacher.failure}
    ways = {'from_scratch': None, 'inherited': first}
    found = {
      way: [
        self._trained(child, fidelity, 2 * pair + 1, number)
        for fidelity in self.study.fidelities
      ]
      for way, number in ways.items()
    }
    failed = [x.failure for xs in found.values() for x in xs if x.failure]
    if failed:
      return {'failure': failed[0]}
    scratch, inherited = (found[way][-1] for way in ways)
    means = _means(scratch.losses)
    return {
      'cross_entropy': {
        'parent': round(teacher.scores['cross_entropy'], 4),
        **{way: self._scores(outcomes) for way, outcomes in found.items()},
      },
      'to_same_loss': _steps_to(means[-1], inherited),
      'to_half_way': _steps_to(means[len(means) // 2], inherited),
      'steps_distilled': len(inherited.distil_losses),
      'approximate': inherited.approximate,
      'filter_multipliers': [
        round(x.scores['filter_multiplier'], 3) for x in (teacher, scratch)
      ],
    }

  def _scores(self, outcomes: list[outcome.Outcome]) -> dict[int, float]:
    """Cross-entropies by steps."""
    return {
      fidelity.steps: round(found.scores['cross_entropy'], 4)
      for fidelity, found in zip(self.study.fidelities, outcomes)
    }

  def _trained(
    self,
    genotype: genotype_lib.Genotype,
    fidelity: strategy.Fidelity,
    seed: int,
    parent: int | None = None,
  ) -> outcome.Outcome:
    number = self._num_trained
    self._num_trained += 1
    job = job_lib.Job(
      number,
      genotype,
      fidelity,
      driver.seed_of(FLAGS.seed, seed),
      self._widths.of(strategy.Proposal(genotype, fidelity)),
      job_lib.folder_of(self._folder, number),
      parent=parent,
      keeps_weights=True,
    )
    job.folder.mkdir()
    return self._evaluator(job)


def _steps_to(loss: float, found: outcome.Outcome) -> int | None:
  """Steps until a window's mean is at most a loss; None if it never is."""
  reached = np.flatnonzero(_means(found.losses) <= loss)
  if not len(reached):
    return None
  return len(found.distil_losses) + int(reached[0]) + _window(found.losses)


def _means(losses: tuple[float, ...]) -> np.ndarray:
  """float [N - W + 1], of windows of W steps."""
  window = _window(losses)
  return np.convolve(losses, np.ones(window) / window, 'valid')


def _window(losses: tuple[float, ...]) -> int:
  return min(FLAGS.window, len(losses))


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/benchmark_inheritance.py', __doc__)

r"""Times trials of a search that trains networks: how much is overhead.

  python scripts/benchmark_trials.py --config=camvid_train \
      --data_dir=camvid_tfrecord --num_layers=6,12 --num_blocks=2,5

Runs random architectures of each space (the first number of layers goes with
the first number of blocks) in one process of one thread, as the processes of a
search are, and prints a line of JSON for each: seconds until the first step,
of a step, of recalibration and scoring; `building_seconds`, by which the trial
would be shorter if nothing had to be built, traced and compiled, and their
share, `building`; and the share of all that was not steps, `overhead`. Of the
first trial of a process these are larger: it traces what the others share.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
import time
from collections.abc import Callable

import numpy as np
from absl import flags

from benchmarks import machine
from deeplab_nas import errors
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main as cli
from deeplab_nas.config import config as config_lib
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.search.trials import driver, run, strategy
from deeplab_nas.search.trials import job as job_lib

FLAGS = flags.FLAGS
flags_lib.define_path(FLAGS, 'config', 'camvid_train', 'A YAML file or preset.')
flags_lib.define_path(FLAGS, 'data_dir', None, 'Folder of TFRecord shards.')
flags.DEFINE_list('num_layers', ['6', '12'], 'L, or several.')
flags.DEFINE_list('num_blocks', ['2', '5'], 'B, one for each L.')
flags.DEFINE_integer('steps', 400, 'Steps of a trial.', lower_bound=2)
flags.DEFINE_integer('num_trials', 3, 'Trials of each space.', lower_bound=1)
flags.DEFINE_boolean(
  'cpu_time',
  False,
  'Whether seconds are those of the processor, which other programs do not'
  ' lengthen.',
)
flags.DEFINE_multi_string(
  'set', [], 'Changes a setting: section.key=value; may be repeated.'
)


def main(_) -> None:
  errors.require(
    len(FLAGS.num_layers) == len(FLAGS.num_blocks),
    '--num_layers and --num_blocks have to be as many numbers.',
  )
  configs = [
    config_lib.load(
      FLAGS.config,
      [
        'search.strategy=random',
        f'search.trial_steps=[{FLAGS.steps}]',
        'runtime.inter_op_threads=1',
        'runtime.intra_op_threads=1',
        *FLAGS['set'].value,
        f'space.num_layers={num_layers}',
        f'space.num_blocks={num_blocks}',
      ],
      FLAGS.data_dir,
    )
    for num_layers, num_blocks in zip(FLAGS.num_layers, FLAGS.num_blocks)
  ]
  tensorflow_setup.prepare(configs[0].runtime, optimizes_graphs=False)
  where = machine.describe()
  for config in configs:
    for line in _lines(config):
      print(json.dumps({**line, **where}), flush=True)


def _lines(config: config_lib.Config):
  """What each trial of a space took."""
  from deeplab_nas.search.trials import evaluate

  parts = run.build(config)
  clock = time.process_time if FLAGS.cpu_time else time.monotonic
  evaluator = evaluate.Evaluator(config, clock)
  calls = _Calls(clock)
  rng = np.random.default_rng(config.runtime.seed)
  for number in range(FLAGS.num_trials):
    genotype = parts.study.space.random(rng)
    proposal = strategy.Proposal(genotype, parts.study.full)
    job = job_lib.Job(
      number,
      genotype,
      proposal.fidelity,
      driver.seed_of(config.runtime.seed, number),
      parts.widths.of(proposal),
      pathlib.Path(),
    )
    calls.clear()
    with calls.timed():
      found = evaluator(job)
    facts = dataclasses.asdict(found)
    steps = FLAGS.steps * found.step_seconds
    building = found.start_seconds - found.step_seconds + calls.first(skip=1)
    yield {
      'trial': number,
      'num_layers': config.space.num_layers,
      'num_blocks': config.space.num_blocks,
      **{
        name: round(facts[name], 3)
        for name in (
          'seconds',
          'start_seconds',
          'step_seconds',
          'score_seconds',
        )
      },
      'building_seconds': round(building, 3),
      'building': round(building / found.seconds, 4),
      'overhead': round(1 - steps / found.seconds, 4),
      'trials_per_hour': round(3600 / found.seconds, 1),
      'failure': found.failure,
    }


class _Calls:
  """How long calls of functions take that come from outside of a graph."""

  def __init__(self, clock: Callable[[], float]):
    self._clock = clock
    self._seconds: list[list[float]] = []

  def clear(self) -> None:
    """Forgets the calls so far."""
    self._seconds.clear()

  @contextlib.contextmanager
  def timed(self):
    """Meanwhile, the calls of all that `tf.function` makes are timed."""
    import tensorflow as tf

    make = tf.function

    def function(*args, **kwargs):
      return _Timed(make(*args, **kwargs), self._clock, self._seconds)

    tf.function = function
    try:
      yield
    finally:
      tf.function = make

  def first(self, skip: int) -> float:
    """Seconds by which first calls were longer than the medians of the others.

    Args:
      skip: Functions that do not count, of those that were called first.
    """
    return sum(
      seconds[0] - np.median(seconds[1:])
      for seconds in self._seconds[skip:]
      if len(seconds) > 1
    )


class _Timed:
  """A function of `tf.function`, of which the calls are timed."""

  def __init__(self, function, clock, all_seconds):
    self._function, self._clock = function, clock
    self._seconds, self._all_seconds = [], all_seconds

  def __call__(self, *args, **kwargs):
    import tensorflow as tf

    began = self._clock()
    result = self._function(*args, **kwargs)
    if tf.executing_eagerly():
      if not self._seconds:
        self._all_seconds.append(self._seconds)
      self._seconds.append(self._clock() - began)
    return result

  def __getattr__(self, name):
    return getattr(self._function, name)


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/benchmark_trials.py', __doc__)

r"""Races `halving` against `random` on made-up landscapes, in simulated time.

  python scripts/race_halving.py --first_seed=1000 --num_seeds=20

Three landscapes a seed, studies of the time of 24 full trials of 400 steps and
a start of 40, two at a time, noise of half a standard deviation. Prints the
loss of what each found, in standard deviations of random architectures.
"""

from __future__ import annotations

import json

from absl import flags

from benchmarks import landscapes, races
from deeplab_nas.cli import main as cli
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import random, strategy
from deeplab_nas.search.trials.learnt import halving
from deeplab_nas.search.trials.table import space

FLAGS = flags.FLAGS
flags.DEFINE_integer('first_seed', 1000, 'Of the landscapes.')
flags.DEFINE_integer('num_seeds', 20, 'Of the landscapes.', lower_bound=1)

_SHORT, _FULL = strategy.Fidelity(50), strategy.Fidelity(400)
_NOISE, _START, _TRIALS = 0.5, 40, 24
_CORRELATIONS = (0.8, 0.5)


def main(_) -> None:
  settings = config_strategies.HalvingConfig()
  for seed in range(FLAGS.first_seed, FLAGS.first_seed + FLAGS.num_seeds):
    for kind, make in landscapes.KINDS.items():
      full, other = make(space.SPACE, seed), make(space.SPACE, seed + 500)
      alone = strategy.Study(space.SPACE, (_FULL,))
      both = strategy.Study(space.SPACE, (_SHORT, _FULL))
      searches = {
        'random': (random.Random(alone, None), [full]),
        'full trials alone': (halving.Halving(alone, settings), [full]),
      }
      for correlation in _CORRELATIONS:
        short = landscapes.blend(full, other, correlation)
        searches[f'correlation {correlation}'] = (
          halving.Halving(both, settings),
          [short, full],
        )
      for name, (search, losses) in searches.items():
        task = races.Task(search.study, losses, _NOISE, _START)
        seconds = _TRIALS * (_FULL.steps + _START)
        trials = races.run(task, search, seconds, seed, workers=2)
        loss = round(task.quality(search, trials), 3)
        line = {'landscape': kind, 'seed': seed, 'search': name, 'loss': loss}
        print(json.dumps(line), flush=True)


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/race_halving.py', __doc__)

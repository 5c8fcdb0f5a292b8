"""`compare-strategies`: searches with equal means, and what they found."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from absl import flags

from deeplab_nas import errors
from deeplab_nas.cli import command
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.config import auto, presets
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import search as config_search
from deeplab_nas.run import lifecycle

# A value too many for a test that goes through all permutations.
_MOST_SEARCHES = 10


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path(
    'config',
    None,
    f'A YAML file, or a preset: {", ".join((auto.NAME, *presets.PRESETS))}.',
  )
  define.multi_string(
    'set',
    [],
    'Changes a setting: section.key=value; may be repeated. A section of one'
    ' strategy is for that one.',
  )
  define.path(
    'data_dir',
    None,
    'Folder of TFRecord shards; short for --set=data.dir=DIR.',
  )
  define.path('run_dir', None, 'Folder for all that the comparison writes.')
  define.string(
    'strategies',
    'random,halving',
    'Names, with commas; random is the baseline.',
  )
  define.string(
    'budget', None, 'Processor time of each search, such as 30m, 2h or 90s.'
  )
  define.integer(
    'num_searches',
    4,
    'Searches of each strategy, with seeds from runtime.seed on.',
    lower_bound=1,
    upper_bound=_MOST_SEARCHES,
  )
  define.integer(
    'num_seeds',
    3,
    'Trainings of each architecture that is compared.',
    lower_bound=1,
    upper_bound=_MOST_SEARCHES,
  )
  define.integer(
    'num_random',
    0,
    'Random architectures that are trained as the winners are.',
    lower_bound=0,
    upper_bound=100,
  )
  define.paths(
    'also',
    [],
    'Further architectures that are, with commas: zoo:NAME, genotype files or'
    ' run folders.',
  )


def _main(values: flags.FlagValues, _: Sequence[str]) -> None:
  for name in ('config', 'run_dir', 'budget'):
    errors.require(
      values[name].value is not None, f'--{name} is missing: see --help.'
    )
  from deeplab_nas.search.contest import plan as plan_lib
  from deeplab_nas.search.contest import run as contest_run

  seconds = config_search.SearchConfig(budget=values.budget).budget_seconds()
  errors.require(
    seconds is not None, "--budget is empty: give a time, such as '30m'."
  )
  plan = plan_lib.build(
    values.config,
    values['set'].value,
    values.data_dir,
    _names(values.strategies),
    num_searches=values.num_searches,
    seconds=seconds,
    num_seeds=values.num_seeds,
    num_random=values.num_random,
    others=tuple(values.also),
  )
  lifecycle.check_data(plan.config.data, *lifecycle.splits(plan.config.data))
  print(contest_run.run(plan, pathlib.Path(values.run_dir)))


def _names(text: str) -> tuple[str, ...]:
  return tuple(filter(None, map(str.strip, text.split(','))))


COMPARE_STRATEGIES = command.Command(
  name='compare-strategies',
  summary='Compares strategies by searches of equal processor time.',
  define=_define,
  main=_main,
  examples=(
    (
      'compare-strategies',
      '--config=quickstart',
      '--data_dir=street_scenes_tfrecord',
      '--run_dir=runs/strategies',
      '--strategies=random,first_order,halving',
      '--budget=30m',
      '--num_searches=4',
    ),
  ),
  text="""
Every search has the same space, data, code and processor time. What they found
is trained with fresh seeds by the settings of network and train, as wide as
search.trial_budget allows, and scored on images that nothing has seen: what
data.held_out_fraction holds out, else data.val_split. Prints a table, and
writes it with all numbers and a picture to the folder. The same command goes on
with a comparison that was stopped or killed; more strategies, searches, seeds
and architectures may be added to one.
""",
  setting_named=config_lib.setting_named,
)

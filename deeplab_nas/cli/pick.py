"""`pick`: the best architecture of a search within a budget."""

from __future__ import annotations

import math
import pathlib
from collections.abc import Sequence

from absl import flags

from deeplab_nas import commands, errors
from deeplab_nas.cli import command, size_flag
from deeplab_nas.cli import flags as flags_lib

# Flag -> measure, and how many of its units a flag's unit is.
_LIMITS = {
  'max_latency_ms': ('latency_ms', 1),
  'max_macs': ('macs', 1),
  'max_parameters': ('params', 1),
  'max_activation_mb': ('activation_bytes', 1e6),
}


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path('run_dir', None, 'Run folder of a search.')
  define.path('output', None, 'Genotype file to write; else it is only shown.')
  define.float(
    'max_latency_ms', None, 'Most milliseconds for an image.', lower_bound=0
  )
  define.float(
    'max_macs', None, 'Most multiply-adds, such as 2e9.', lower_bound=0
  )
  define.float(
    'max_parameters', None, 'Most parameters, such as 1e6.', lower_bound=0
  )
  define.float(
    'max_activation_mb',
    None,
    'Most megabytes of the outputs of all operations for an image, float32.',
    lower_bound=0,
  )
  define.path(
    'latency_table',
    None,
    'Latencies of this machine, as measure_latency writes them.',
  )
  define.float(
    'filter_multiplier',
    None,
    'F of the networks, also a fraction; else network.filter_multiplier.',
  )
  define.string(
    'image_size',
    None,
    'Height x width to count for, such as 513x1025; else that of the table, or'
    ' of the training crops.',
  )
  define.integer(
    'num_alternatives',
    4,
    'How many of the next best to show.',
    lower_bound=0,
    upper_bound=1000,
  )
  define.boolean('overwrite', False, 'Replace an output file that is there.')


def _main(values: flags.FlagValues, _: Sequence[str]) -> None:
  from deeplab_nas.search import pick

  errors.require(
    bool(values.run_dir),
    '--run_dir is missing: give the folder that'
    f' {commands.name("search")} wrote.',
  )
  output = values.output and pathlib.Path(values.output)
  errors.require(
    not output or not output.is_dir(),
    f'--output={output} is a folder: name a file in it.',
  )
  errors.require(
    not output or values.overwrite or not output.exists(),
    f'--output={output} is there already: add --overwrite to replace it.',
  )
  budget = {
    name: values[flag].value * unit
    for flag, (name, unit) in _LIMITS.items()
    if values[flag].value is not None
  }
  for flag, (name, _) in _LIMITS.items():
    errors.require(
      math.isfinite(budget.get(name, 0)),
      f'--{flag} is {values[flag].value}, expected a finite number: leave it'
      ' out for no limit.',
    )
  errors.require(
    'latency_ms' not in budget or bool(values.latency_table),
    '--max_latency_ms needs the latencies of this machine: give'
    f' --latency_table=FILE, which {commands.name("measure_latency")} writes.',
  )
  search = pick.read(
    values.run_dir,
    size_flag.parse('image_size', values.image_size),
    values.filter_multiplier,
    values.latency_table,
  )
  candidates = search.best(1 + values.num_alternatives, budget)
  (unlimited,) = search.best(1)
  print(pick.describe(search, candidates, unlimited, budget))
  picked = candidates[0].genotype
  print(f'\nPicked {picked.digest}:\n{picked}')
  if output:
    output.parent.mkdir(parents=True, exist_ok=True)
    picked.save(output)
    print(
      f'Written to {output}. Train it:\n'
      f'  {pick.training_line(values.run_dir, output, search, candidates[0])}'
    )


PICK = command.Command(
  name='pick',
  summary='Picks the best architecture of a search within a budget.',
  define=_define,
  main=_main,
  examples=(
    (
      'pick',
      '--run_dir=runs/search',
      '--max_macs=2e9',
      '--output=genotype.json',
    ),
  ),
  text="""
Shows the best architectures within all limits, and what was found without them.

Of a search by gradients, by alpha and beta as it left them: cell and path are
chosen jointly, and nothing is estimated; no architecture within the limits has
a higher score than the one that is picked. Of a search by trials, among those
that it tried, as wide as it tried them: what it found, where that is within the
limits, else the best score of the longest trials.
""",
)

"""`compare`: two trained networks on the same images."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from deeplab_nas import commands, errors, paths
from deeplab_nas.cli import command
from deeplab_nas.cli import flags as flags_lib


def _define(values: flags.FlagValues) -> None:
  flags_lib.Definer(values).string(
    'evaluation', '', 'The folder in eval/ of both runs, where one has several.'
  )


def _main(values: flags.FlagValues, folders: Sequence[str]) -> None:
  if len(folders) != 2:
    line = commands.line('compare', 'runs/a', 'runs/b')
    raise errors.UserError(
      f'Expected the folders of two runs, not {len(folders)}: {line}.'
    )
  found = [_path(folder) for folder in folders]
  from deeplab_nas.evaluate import comparison, evaluated

  a, b = (evaluated.Evaluated.load(x, values.evaluation) for x in found)
  print(comparison.compare(a, b))


def _path(folder: str) -> str:
  try:
    return paths.expand(folder)
  except ValueError as reason:
    raise errors.UserError(f'{folder} is refused: {reason}.') from reason


COMPARE = command.Command(
  name='compare',
  summary='Compares two trained networks on the same images.',
  define=_define,
  main=_main,
  examples=(
    ('eval', '--run_dir=runs/a'),
    ('eval', '--run_dir=runs/b'),
    ('compare', 'runs/a', 'runs/b'),
  ),
  text="""
Prints the settings that differ, the IoU of each class with intervals, the
difference with its own, and what both networks cost. A folder of one
evaluation, such as runs/a/eval/val_flip, may stand in the place of a run's.
""",
  takes_arguments=True,
)

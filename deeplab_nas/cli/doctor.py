"""`doctor`: whether this environment and machine can search."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from deeplab_nas.cli import command
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.doctor import checkup, finding, self_test
from deeplab_nas.search import strategies


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path('run_dir', '.', 'Folder that a run is going to write to.')
  define.enum(
    'strategy',
    self_test.STRATEGY,
    strategies.names('relaxed'),
    'The search.strategy whose steps are tried.',
  )


def _main(values: flags.FlagValues, _: Sequence[str]) -> int:
  num_failed = 0
  for name, found in checkup.run(
    checkup.checks(values.run_dir, values.strategy)
  ):
    print(found.line(name), flush=True)
    num_failed += found.status == finding.FAIL
  if num_failed:
    print(f'{num_failed} failed: begin with the first.')
    return command.USER_ERROR_EXIT_CODE
  print('Nothing failed: searches can run here.')
  return 0


DOCTOR = command.Command(
  name='doctor',
  summary='Says whether this environment and machine can search.',
  define=_define,
  main=_main,
  examples=(('doctor', '--run_dir=runs/search'),),
  text="""
One line for each check: ok, warn, FAIL, or skip where an earlier one has to
pass first, and what to do. Ends with code 2 if a check failed.
""",
)

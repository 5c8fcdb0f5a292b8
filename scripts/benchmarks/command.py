"""What the benchmark scripts share: flags, and what they print."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from absl import flags, logging

from benchmarks import case as case_lib
from benchmarks import comparison, machine, matrix_peak, report


def define() -> None:
  """Defines the shared flags; called at the top of a script."""
  flags.DEFINE_integer(
    'num_runs', 7, 'Timed steps of each case.', lower_bound=1
  )
  flags.DEFINE_boolean(
    'matrix_peak',
    False,
    'Measure a large matrix product first, and put speeds beside its speed.',
  )
  flags.DEFINE_boolean(
    'table', False, 'Print a Markdown table on stderr at the end.'
  )


def run(groups: Iterable[Sequence[case_lib.Case]]) -> None:
  """Times groups of cases and prints one line of JSON for each case.

  Args:
    groups: The cases of a group are run in alternation; groups one after the
      other. A line is printed as soon as its group is done.
  """
  values = flags.FLAGS
  where = machine.describe()
  peak = matrix_peak.flops_per_second() if values.matrix_peak else None
  if peak is not None:
    logging.info('Matrix product: %.0f GFLOP/s.', peak / 1e9)
  records = []
  for cases in groups:
    for result in comparison.compare(cases, values.num_runs):
      records.append(report.record(result, where, peak))
      print(report.line(records[-1]), flush=True)
  if values.table:
    print(report.table(records), file=sys.stderr)

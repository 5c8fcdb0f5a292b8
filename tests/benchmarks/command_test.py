"""What the benchmark scripts print."""

from __future__ import annotations

import json

import pytest
from absl import flags
from absl.testing import flagsaver

from benchmarks import case, command
from tests.benchmarks import tiny_cases


@pytest.fixture
def parsed():
  if 'matrix_peak' not in flags.FLAGS:
    command.define()
  flags.FLAGS(['test'])
  with flagsaver.flagsaver(num_runs=1, table=True):
    yield


def test_stdout_has_one_line_of_json_for_each_case(parsed, tmp_path, capfd):
  path = str(tmp_path / 'steps')

  def named(letter):
    settings = {'path': path, 'letter': letter}
    return case.Case(letter, tiny_cases.writes, settings)

  command.run([[named('A'), named('B')], [named('C')]])
  out, err = capfd.readouterr()
  records = [json.loads(line) for line in out.splitlines()]
  assert [values['case'] for values in records] == ['A', 'B', 'C']
  assert ['ratio' in values for values in records] == [True, True, False]
  assert err.count('\n| ') >= 4  # the title's rule and three rows

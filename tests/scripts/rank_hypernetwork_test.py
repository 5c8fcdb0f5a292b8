"""The command that compares a hypernetwork's scores with a table of trials."""

from __future__ import annotations

import re

import pytest

from deeplab_nas.search.trials.table import plan, rows
from tests import command
from tests.search.trials.table import build_test


def table_of(number, path):
  """Full trials of random architectures, and a short one of each."""
  table = rows.Table.create(build_test.PROTOCOL, path)
  for i, genotype in enumerate(plan.randoms()[:number]):
    for steps in build_test.PROTOCOL.steps:
      loss = 1 + i / (10 * steps)
      scores = {'cross_entropy': loss, 'miou': 0.1}
      table.append(rows.Row(rows.Key(genotype, steps, 0), 1.0, scores, 1.0))


def run(records, path, *flags):
  return command.run(
    'scripts/rank_hypernetwork.py',
    f'--data_dir={records}',
    f'--table={path}/table',
    f'--output={path}/output',
    *flags,
  )


@pytest.mark.soak
def test_scores_are_ranked_beside_short_trials(records, tmp_path):
  table_of(5, tmp_path / 'table')
  result = run(records, tmp_path, '--steps=1')
  assert result.returncode == 0, result.stderr
  guess, ours, short = result.stdout.splitlines()
  low, high, prior = map(float, re.findall(r'\d\.\d+', guess))
  assert 0 < low < high < 10 and 0 < prior < 1.2  # of three classes
  assert ours.startswith('hypernetwork, all 5: r ')
  assert short.startswith('1 step, all 5: r 1.00 (1.00 to 1.00), tau 1.00')
  assert (tmp_path / 'output' / 'hypernetwork' / 'ckpt-1.index').is_file()


def test_data_of_other_classes_and_too_few_trials_are_refused(
  records, tmp_path
):
  table_of(4, tmp_path / 'table')
  result = run(records, tmp_path)
  assert 'of 4 architectures; expected 5' in command.refusal(result)
  result = command.run('scripts/rank_hypernetwork.py', f'--data_dir={records}')
  assert 'has 3 classes, the table is of 11' in command.refusal(result)

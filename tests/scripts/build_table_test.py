"""The command that fills the table."""

from __future__ import annotations

import pytest

from deeplab_nas import folder_lock
from deeplab_nas.search.trials.table import plan, rows
from tests import command
from tests.search.trials.table import build_test


def run(records, path, *flags):
  return command.run(
    'scripts/build_table.py',
    f'--data_dir={records}',
    f'--table={path}',
    *flags,
  )


@pytest.mark.slow
def test_it_goes_on_with_a_file_and_repeats_a_row_of_it(records, tmp_path):
  path = tmp_path / 'table'
  key = next(iter(plan.keys(build_test.PROTOCOL)))
  scores = {'cross_entropy': 1.0, 'miou': 0.5}
  rows.Table.create(build_test.PROTOCOL, path).append(
    rows.Row(key, 1.0, scores, 1.0)
  )
  result = run(records, path, '--num_rows=1')
  assert result.returncode == 0, result.stderr
  table = rows.Table.load(path)
  first, second = table
  assert (first.key.steps, second.key.steps) == (1, 2)
  assert first.key.genotype == second.key.genotype
  result = run(records, path, f'--rebuild={second.key}')
  assert result.returncode == 0, result.stderr
  assert 'differs in nothing' in result.stdout


def test_there_must_be_a_table_to_rebuild_a_row_of(tmp_path):
  result = run('data', tmp_path / 'table', '--rebuild=f0ab1ee3c1a2:400:0')
  assert 'table does not exist' in command.refusal(result)


def test_a_table_is_not_begun_without_data(tmp_path):
  path = tmp_path / 'table'
  result = run(tmp_path / 'nowhere', path)
  assert 'nowhere' in command.refusal(result)
  assert not path.exists()


def test_another_process_that_fills_the_file_is_refused(records, tmp_path):
  path = tmp_path / 'table'
  rows.Table.create(build_test.PROTOCOL, path)
  lock = folder_lock.take(path)
  result = run(records, path)
  assert 'Another process is writing to' in command.refusal(result)
  del lock

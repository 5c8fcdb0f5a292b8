"""The file of the table: written row by row, and read by whoever goes on."""

import json
import math

import pytest

from deeplab_nas import errors
from deeplab_nas.search.trials import outcome
from deeplab_nas.search.trials.table import plan, protocol, rows

GENOTYPES = plan.randoms()[:3]


def row(number=0, steps=25, seed=0, loss=1 / 3, **values):
  key = rows.Key(GENOTYPES[number], steps, seed)
  found = outcome.Outcome(
    'key', {'cross_entropy': loss, 'miou': 0.25}, cpu_seconds=4.5, **values
  )
  return rows.Row.of(key, 6.25, found)


def test_rows_are_read_back_as_they_were_appended(tmp_path):
  table = rows.Table.create(protocol.Protocol((25, 50)), tmp_path / 'table')
  table.append(row(0, class_iou={'sky': 0.5, 'pole': math.nan}))
  table.append(row(1, losses=tuple(range(25)), device='a CPU'))
  table.append(rows.Row(rows.Key(GENOTYPES[2], 50, 1), 1.0, None, 2.0))
  found = rows.Table.load(tmp_path / 'table')
  assert found.protocol == table.protocol
  assert len(found) == 3
  first, second, third = found
  assert math.isnan(first.class_iou['pole'])
  assert first.class_iou['sky'] == 0.5
  assert [second, third] == list(table)[1:]
  assert third.scores is None


def test_a_row_keeps_six_digits_and_tenths_of_the_losses():
  made = row(losses=(1.0, 3.0) * 10)
  assert made.scores['cross_entropy'] == 0.333333
  assert made.losses == (2.0,) * 10
  assert row(losses=(1.0, 3.0)).losses == (1.0, 3.0)


def test_a_row_that_a_kill_cut_off_is_done_again(tmp_path):
  path = tmp_path / 'table'
  table = rows.Table.create(protocol.Protocol((25,)), path)
  table.append(row(0))
  with open(path, 'a') as file:
    file.write(row(1).to_line()[:40])
  found = rows.Table.load(path)
  assert list(found.rows) == [row(0).key]
  found.append(row(1))
  assert len(rows.Table.load(path)) == 2


def test_a_line_that_is_no_row_is_named(tmp_path):
  path = tmp_path / 'table'
  rows.Table.create(protocol.Protocol((25,)), path).append(row())
  with open(path, 'a') as file:
    file.write('{"path": [0]}\n')
  with pytest.raises(errors.UserError, match='line 3: no row of a table'):
    rows.Table.load(path)


@pytest.mark.parametrize(
  'change',
  [
    {'path': [0, 1]},
    {'steps': 50},
    {'steps': [25]},
    {'seed': 'a'},
    {'seconds': 'a'},
    {'seconds': -1.0},
    {'seconds': math.nan},
    {'losses': 'abc'},
    {'scores': {'miou': 0.5}},
    {'scores': {'cross_entropy': math.inf}},
    {'cell': [[['prev', 'max_pool_3x3'], ['prev_prev', 'skip_connect']]] * 2},
  ],
  ids=str,
)
def test_a_row_that_the_table_cannot_have_is_named(change, tmp_path):
  path = tmp_path / 'table'
  rows.Table.create(protocol.Protocol((25,)), path)
  line = json.dumps({**json.loads(row().to_line()), **change})
  with open(path, 'a') as file:
    file.write(line + '\n')
  with pytest.raises(errors.UserError, match='line 2: '):
    rows.Table.load(path)


def test_a_missing_file_is_named(tmp_path):
  with pytest.raises(errors.UserError, match='No such file'):
    rows.Table.load(tmp_path / 'table')


def test_a_row_is_found_by_its_name():
  table = rows.Table(protocol.Protocol())
  table.append(row(1, seed=2))
  name = f'{GENOTYPES[1].digest}:25:2'
  assert table.find(name) == row(1, seed=2)
  with pytest.raises(errors.UserError, match=f'no row .* such as {name}'):
    table.find('f0ab1ee3c1a2:400:0')

"""What the table says of itself."""

import re

import pytest

from deeplab_nas import errors
from deeplab_nas.search.trials.table import plan, protocol, report, rows
from deeplab_nas.space import genotype as genotype_lib
from tests.search.trials.table import surrogate_test

COSTS = ('params', 'macs', 'activation_bytes')


@pytest.fixture(scope='module')
def table():
  """Twelve random architectures, six of them twice, and a grid of four."""
  made = rows.Table(protocol.Protocol((1, 2)))
  paths, cells = plan.grid()
  on_grid = [genotype_lib.Genotype(p, c) for p in paths[:2] for c in cells[:2]]
  randoms = [*plan.randoms()[:6], *plan.repeated()[6:12]]
  for genotype in [*randoms, *on_grid]:
    seeds = 1 if genotype in plan.randoms()[:6] else 2
    for steps in (1, 2):
      for seed in range(seeds):
        loss = surrogate_test.merit(genotype) + 0.01 * seed + steps
        scores = {
          'cross_entropy': loss,
          'miou': 0.2 - loss / 100,
          'loss_sum': 2 * loss,
          **{name: 10.0 + genotype.path[1] for name in COSTS},
        }
        key = rows.Key(genotype, steps, seed)
        made.append(rows.Row(key, 1.0, scores, 2.0))
  return made


def test_what_is_missing_of_the_plan_is_said(table):
  text = report.describe(table)
  assert '- 12 of 150 random architectures;' in text
  assert '- of these 6 with a second seed and 0 of 20 with all 3' in text
  assert '- 8 of 96 trials of the grid.' in text


def test_noise_fidelities_shares_and_predictors_are_told(table):
  text = report.describe(table, synflow=lambda g: surrogate_test.merit(g))
  (noise,) = re.findall(r'^\| cross_entropy \| 2 \|.*$', text, re.M)
  assert '| 1.00 | 6 |' in noise  # tau of seeds that differ by a constant
  (short,) = re.findall(r'^\| cross_entropy after 1 \|.*$', text, re.M)
  assert '| 1.00 | 12 | 1.00 | 6 |' in short
  assert '| cross_entropy, grid of 2 x 2 x 2 |' in text
  assert '| cross_entropy, surrogate |' in text
  assert re.search(
    r'^\| synflow \| 0.9\d \| (0.9\d|1.00) \| 12 \|$', text, re.M
  )
  assert '| parameters |' in text
  assert 'synflow' not in report.describe(table)


def test_a_table_of_too_few_rows_is_refused(table):
  few = rows.Table(table.protocol)
  for row in list(table)[:2]:
    with pytest.raises(
      errors.UserError, match='expected 3 or more: build more'
    ):
      report.describe(few)
    few.append(row)


def test_what_has_too_few_rows_is_left_open(table):
  few = rows.Table(table.protocol)
  for row in list(table)[:6]:
    few.append(row)
  text = report.describe(few)
  (noise,) = re.findall(r'^\| cross_entropy \| 2 \|.*$', text, re.M)
  assert noise.endswith('| - | - | - | - | - | 0 |')
  assert 'nan' not in text


def test_the_picture_is_drawn(table, tmp_path):
  report.save_picture(table, tmp_path / 'table.png')
  assert (tmp_path / 'table.png').read_bytes().startswith(b'\x89PNG')

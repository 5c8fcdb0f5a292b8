"""What the table says of scores that are known."""

import json

import pytest

from deeplab_nas.evaluate import permutation
from deeplab_nas.search.contest import result

FACTS = {
  'budget': 100.0,
  'measure': 'cell_macs',
  'limit': 5e6,
  'seeds': 2,
  'steps': 400,
  'images': 'val',
}


def entries(group, losses, seconds=100.0):
  return [
    result.Entry(
      group, f'{group}_{i}', f'{i:06d}', 4.0, seconds, 7, (x - 0.1, x + 0.1),
      (1 - x, 1 - x),
    )
    for i, x in enumerate(losses)
  ]  # fmt: skip


FOUND = [
  *entries('random', [0.6, 0.8, 0.7, 0.9]),
  *entries('halving', [0.5, 0.3, 0.65, 0.4]),
]


def test_a_row_has_the_means_of_seeds_and_an_exact_p():
  random, halving = result.rows(FOUND)
  assert halving.cross_entropy == pytest.approx((0.5, 0.3, 0.65, 0.4))
  assert halving.miou == pytest.approx((0.5, 0.7, 0.35, 0.6))
  assert halving.p_value == permutation.p_of_less(
    halving.cross_entropy, random.cross_entropy
  )
  assert halving.seconds == 100
  assert (random.p_value, random.num_above, random.p_of_rank) == (None,) * 3


def test_without_searches_by_random_chance_is_the_baseline():
  drawn = entries(result.RANDOM, [0.45] + [0.9] * 11, None)
  halving, last = result.rows([*FOUND[4:], *drawn])
  assert halving.p_value == permutation.p_of_less(
    halving.cross_entropy, last.cross_entropy
  )
  assert last.p_value is None
  summary = result.summary([*FOUND[4:], *drawn], FACTS)
  assert 'against random architectures' in summary
  assert 'against what random found' in result.summary(FOUND, FACTS)


def test_ranks_are_above_the_best_random_architecture():
  # Without architectures of their own, those that random found.
  assert result.rows(FOUND)[1].num_above == 3
  assert result.rows(FOUND)[1].p_of_rank == permutation.p_of_best(4, 4, 3)
  drawn = entries(result.RANDOM, [0.45] + [0.9] * 11, None)
  others = entries(result.OTHER, [0.1], None)
  random, halving, last, other = result.rows([*FOUND, *drawn, *others])
  assert (halving.num_above, random.num_above, other.num_above) == (2, 0, 1)
  assert halving.p_of_rank == permutation.p_of_best(4, 12, 2)
  assert random.p_of_rank == 1
  assert other.p_of_rank is other.p_value is last.num_above is None


def test_the_table_has_a_line_for_each_group():
  lines = result.table([*FOUND, *entries(result.OTHER, [0.1], None)])
  header, random, halving, other = lines.splitlines()
  assert header.split()[:3] == ['n', 'cross-entropy', 'mIoU']
  assert '0.7500 +- 0.1291' in random
  assert '25.00 +- 12.91 %' in random
  assert '3 of 4' in halving and '1 min 40 s' in halving
  assert other.split() == ['others', '1', '0.1000', '90.00', '%', '-'] + [
    '1', 'of', '1', '-', '-'
  ]  # fmt: skip


def test_what_is_not_quite_comparable_is_said():
  slow = entries('halving', [0.5], 120.0)
  failed = [FOUND[0]._replace(name='random_9', cross_entropy=(), miou=())]
  failed.append(FOUND[1]._replace(cross_entropy=(0.1,), miou=(0.9,)))
  found = result.remarks([*FOUND[:4], *slow, *failed], 100.0, 2)
  assert found == [
    'halving_0 took 20 % more processor time than the budget: it is not quite'
    ' comparable.',
    'random_9 is left out: all its trainings failed.',
    'random_1 has the mean of the others where 1 of 2 trainings failed, which'
    ' flatters it.',
  ]
  assert 'no baseline' in result.remarks(slow, 120.0, 2)[0]


def test_summary_numbers_and_picture_are_whole(tmp_path):
  summary = result.summary(FOUND, FACTS)
  assert result.table(FOUND) in summary
  assert '2 seeds of 400 steps' in summary and 'scored on val' in summary
  result.save(FOUND, FACTS, tmp_path / 'a.json')
  found = json.loads((tmp_path / 'a.json').read_text())
  assert len(found['architectures']) == 8
  assert found['rows'][1]['num_above'] == 3
  assert found['budget'] == 100
  result.draw(FOUND, tmp_path / 'a.png')
  assert (tmp_path / 'a.png').read_bytes().startswith(b'\x89PNG')

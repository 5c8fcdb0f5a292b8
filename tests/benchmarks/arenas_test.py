"""Landscapes of which the best architecture is known."""

import numpy as np
import pytest

from benchmarks import arenas
from deeplab_nas import errors
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.table import rows, space
from deeplab_nas.space import genotype as genotype_lib


@pytest.fixture(scope='module')
def table():
  return rows.Table.load()


@pytest.fixture(scope='module')
def drawn(table):
  return arenas.Table(table)


def architectures(count, seed=0):
  rng = np.random.default_rng(seed)
  return [space.SPACE.random(rng) for _ in range(count)]


def test_each_run_has_a_landscape_of_its_own(table, drawn):
  chosen = architectures(30)
  first, other = (drawn(run) for run in (0, 1))
  again = arenas.Table(table)(0)
  losses = [first.loss(g) for g in chosen]
  assert losses == [again.loss(g) for g in chosen]
  assert first.least == again.least != other.least
  assert np.corrcoef(losses, [other.loss(g) for g in chosen])[0, 1] < 0.98


def test_nothing_is_better_than_the_least(drawn):
  """Found by a descent over paths and cells, from a random architecture."""
  arena = drawn(3)
  for start in architectures(3):
    best, before = start, None
    while best != before:
      before = best
      best = min(
        (genotype_lib.Genotype(p, best.cell) for p in space.paths()),
        key=arena.loss,
      )
      best = min(
        (genotype_lib.Genotype(best.path, c) for c in space.cells()),
        key=arena.loss,
      )
    assert arena.least <= arena.loss(best) < arena.mean
    assert arena.share_of_better(best) < 0.01
    share = arena.share_of_better(best)
    assert (share == 0) == (arena.loss(best) == arena.least)


def test_trials_of_the_table_have_its_seconds_and_noise(table, drawn):
  arena = drawn(0)
  genotype = next(
    g for g in architectures(50) if all(row.key.genotype != g for row in table)
  )
  full = arena.task.study.full
  assert full.steps == table.protocol.steps[-1]
  found = [
    arena.task.evaluate(strategy.Proposal(genotype, full), seed)
    for seed in range(400)
  ]
  seconds = [r.seconds for r in table if r.key.steps == full.steps]
  assert found[0].seconds == pytest.approx(np.median(seconds))
  losses = [each.scores['cross_entropy'] for each in found]
  error = np.std(losses) / np.sqrt(len(losses))
  assert np.std(losses) > 0
  assert np.mean(losses) == pytest.approx(arena.loss(genotype), abs=4 * error)


def test_lengths_without_rows_are_no_trials_of_an_arena(table):
  short, *_, full = table.protocol.steps
  few = rows.Table(table.protocol)
  for row in table:
    if row.key.steps == full or (row.key.steps == short and not few.rows):
      few.append(row)
  fidelities = arenas.Table(few)(0).task.study.fidelities
  assert [fidelity.steps for fidelity in fidelities] == [full]
  with pytest.raises(errors.UserError, match=f'scores of {full} steps'):
    arenas.Table(rows.Table(table.protocol))


@pytest.mark.parametrize('run', range(3))
def test_a_made_up_landscape_knows_its_best(run):
  """No random architecture is better, and few better than a good one."""
  arena = arenas.MadeUp(0.8)(run)
  losses = [arena.loss(g) for g in architectures(1000, seed=7)]
  assert arena.least < min(losses)
  good = architectures(1000, seed=7)[int(np.argsort(losses)[100])]
  assert arena.share_of_better(good) == pytest.approx(0.1, abs=0.04)
  assert arena.mean == pytest.approx(np.mean(losses), abs=0.15)


def test_the_best_of_a_trend_is_found_in_path_and_cell_apart():
  """For what one adds does not depend on the other."""
  arena = arenas.MadeUp(0.8)(2)
  for a, b in zip(architectures(20, seed=1), architectures(20, seed=2)):
    crossed = [
      genotype_lib.Genotype(x.path, y.cell) for x, y in ((a, b), (b, a))
    ]
    assert sum(map(arena.loss, crossed)) == pytest.approx(
      arena.loss(a) + arena.loss(b)
    )


def test_short_trials_of_a_made_up_landscape_correlate_as_asked():
  arena = arenas.MadeUp(0.5)(0)
  short, full = (
    [
      arena.task.evaluate(strategy.Proposal(g, fidelity), i).scores[
        'cross_entropy'
      ]
      for i, g in enumerate(architectures(600))
    ]
    for fidelity in arena.task.study.fidelities
  )
  # Noise, the same of both here, has a fifth of the variance.
  expected = (0.5 + 0.25) / 1.25
  assert np.corrcoef(short, full)[0, 1] == pytest.approx(expected, abs=0.1)

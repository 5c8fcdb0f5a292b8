"""Known variances and ranks are found again."""

import numpy as np
import pytest

from deeplab_nas.search.trials.table import analysis, plan, protocol, rows
from deeplab_nas.space import genotype as genotype_lib

GENOTYPES = plan.randoms()
PATHS, CELLS = plan.grid()


def made_up(seeds=2, noise=0.5, count=150):
  """Scores of standard deviation 1, and noise."""
  rng = np.random.default_rng(0)
  return {
    genotype: {seed: merit + noise * rng.normal() for seed in range(seeds)}
    for genotype, merit in zip(GENOTYPES[:count], rng.normal(size=150))
  }


def test_scores_are_by_architecture_and_seed():
  table = rows.Table(protocol.Protocol())
  for seed, steps, loss in ((0, 25, 1.0), (1, 25, 2.0), (0, 100, 3.0)):
    key = rows.Key(GENOTYPES[0], steps, seed)
    table.append(rows.Row(key, 1.0, {'miou': loss}, 1.0))
  failed = rows.Key(GENOTYPES[1], 25, 0)
  table.append(rows.Row(failed, 1.0, None, 1.0, failure='nan'))
  assert analysis.scores(table, 'miou', 25) == {GENOTYPES[0]: {0: 1.0, 1: 2.0}}


def test_noise_and_what_is_left_without_it_are_found():
  found = analysis.noise(made_up())
  assert found.seeds == pytest.approx(0.5, rel=0.15)
  assert found.architectures == pytest.approx(1.0, rel=0.15)
  assert found.reliability == pytest.approx(0.8, abs=0.06)
  assert found.interval.low < found.reliability < found.interval.high
  assert found.agreement.tau == pytest.approx(analysis.tau_of(0.8), abs=0.07)
  assert found.agreement.correlation == pytest.approx(0.8, abs=0.07)
  assert found.agreement.count == 150


def test_the_intervals_hold_the_truth_as_often_as_they_say():
  """Of 30 architectures with 2 seeds and 15 with one, true reliability .5."""
  rng, hits, num_draws = np.random.default_rng(3), np.zeros(2), 400
  for _ in range(num_draws):
    scores = {
      genotype: {s: merit + rng.normal() for s in range(1 + (i < 30))}
      for i, (genotype, merit) in enumerate(
        zip(GENOTYPES[:45], rng.normal(size=45))
      )
    }
    found = analysis.noise(scores)
    low, high = found.interval
    hits[0] += low <= 0.5 <= high
    low, high = found.agreement.interval
    hits[1] += low <= analysis.tau_of(0.5) <= high
  sd = np.sqrt(0.95 * 0.05 / num_draws)
  assert np.all(np.abs(hits / num_draws - 0.95) < 4 * sd)


def test_architectures_that_differ_by_luck_alone_are_said_not_to_differ():
  rng = np.random.default_rng(4)
  found = analysis.noise(
    {g: {0: rng.normal(), 1: rng.normal()} for g in GENOTYPES}
  )
  assert found.reliability < 0.2
  assert found.interval.low == 0


def test_one_seed_says_nothing_of_noise():
  found = analysis.noise(made_up(seeds=1))
  assert np.isnan(found.seeds)
  assert np.isnan(found.interval).all()
  assert np.isnan(found.agreement.tau)


def test_luck_that_seeds_share_does_not_count_when_seeds_are_crossed():
  rng = np.random.default_rng(5)
  luck = {g: {0: rng.normal(), 1: rng.normal()} for g in GENOTYPES}
  assert analysis.between(luck, luck).tau == pytest.approx(1)
  found = analysis.crossed(luck, luck)
  assert abs(found.tau) < analysis.chance(150)
  assert found.count == 150
  one_seed = {g: {0: v[0]} for g, v in luck.items()}
  assert analysis.crossed(one_seed, luck).count == 0


def test_chance_is_what_unrelated_ranks_exceed_once_in_twenty_times():
  rng = np.random.default_rng(6)
  taus = [
    analysis.Agreement.of(rng.normal(size=20), rng.normal(size=20)).tau
    for _ in range(1000)
  ]
  share = np.mean(np.abs(taus) > analysis.chance(20))
  assert share == pytest.approx(0.05, abs=0.03)


def test_fidelities_are_compared_by_what_both_have():
  full = made_up()
  short = {g: {0: -v[0]} for g, v in list(full.items())[:40]}
  found = analysis.between(short, full)
  assert found.count == 40
  assert found.tau < -0.7


def grid(path=1.0, cell=0.5, both=0.25, seed=0.25, sizes=(8, 6)):
  """Scores with these standard deviations, on repeated grids."""
  rng = np.random.default_rng(1)
  by_path, by_cell = path * rng.normal(size=8), cell * rng.normal(size=6)
  return {
    genotype_lib.Genotype(p, c): {
      s: by_path[i] + by_cell[j] + own + seed * rng.normal() for s in range(2)
    }
    for i, p in enumerate(PATHS[: sizes[0]])
    for j, c in enumerate(CELLS[: sizes[1]])
    for own in [both * rng.normal()]
  }


def test_shares_of_a_grid_add_up_and_follow_what_made_it():
  found = analysis.grid_shares(grid(), PATHS, CELLS)
  assert sum(found[:4]) == pytest.approx(1)
  assert found[4:] == (8, 6, 2)
  by_path = analysis.grid_shares(grid(1, 0, 0, 0.1), PATHS, CELLS)
  by_cell = analysis.grid_shares(grid(0, 1, 0, 0.1), PATHS, CELLS)
  by_both = analysis.grid_shares(grid(0, 0, 1, 0.1), PATHS, CELLS)
  by_seed = analysis.grid_shares(grid(0, 0, 0, 1), PATHS, CELLS)
  assert by_path.path > 0.95
  assert by_cell.cell > 0.95
  assert by_both.both > 0.7
  assert by_seed.seed > 0.8


def test_the_largest_complete_grid_counts():
  found = grid(sizes=(4, 3))
  assert analysis.grid_shares(found, PATHS, CELLS)[4:6] == (4, 3)
  del found[genotype_lib.Genotype(PATHS[3], CELLS[0])]
  assert analysis.grid_shares(found, PATHS, CELLS)[4:6] == (3, 3)
  assert analysis.grid_shares({}, PATHS, CELLS) is None


def test_a_predictor_that_only_counts_multiply_adds_has_no_partial_tau():
  full = made_up(seeds=1, noise=0)
  rng = np.random.default_rng(2)
  macs = {g: v[0] + 0.3 * rng.normal() for g, v in full.items()}
  copies = {g: m + 0.3 * rng.normal() for g, m in macs.items()}
  features = {'copy': copies.get, 'score': lambda g: full[g][0]}
  found = analysis.predictors(full, features, macs.get)
  assert found['copy'].raw > 0.6
  assert abs(found['copy'].partial) < 0.15
  assert found['score'].raw == pytest.approx(1)
  assert found['score'].count == 150

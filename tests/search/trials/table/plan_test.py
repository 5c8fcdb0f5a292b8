"""What the table wants, in which order."""

import collections

from deeplab_nas.search.trials.table import plan, protocol, space

PROTOCOL = protocol.Protocol(steps=(1, 2, 3))
KEYS = list(plan.keys(PROTOCOL))


def test_every_trial_is_wanted_once():
  assert len(set(KEYS)) == len(KEYS)


def test_each_architecture_has_all_fidelities_one_after_the_other():
  for i in range(0, len(KEYS), 3):
    group = KEYS[i : i + 3]
    assert [key.steps for key in group] == [1, 2, 3]
    assert len({(key.genotype, key.seed) for key in group}) == 1


def test_150_architectures_are_drawn_of_which_20_have_3_more_seeds():
  randoms = plan.randoms()
  assert len(set(randoms)) == 150
  assert all(genotype in space.SPACE for genotype in randoms)
  seeds = seeds_of(KEYS)
  assert all(0 in seeds[genotype] for genotype in randoms)
  assert sum(seeds[genotype] == {0, 1, 2, 3} for genotype in randoms) == 20


def test_the_grid_has_8_paths_6_cells_and_2_seeds():
  paths, cells = plan.grid()
  assert (len(set(paths)), len(set(cells))) == (8, 6)
  seeds = seeds_of(KEYS)
  for path in paths:
    for cell in cells:
      genotype = next(g for g in seeds if (g.path, g.cell) == (path, cell))
      assert seeds[genotype] >= {0, 1}


def test_the_first_quarter_already_has_all_that_the_whole_has():
  seeds = seeds_of(KEYS[: len(KEYS) // 4])
  randoms = set(plan.randoms())
  drawn = [genotype for genotype in seeds if genotype in randoms]
  assert len(drawn) >= 30
  assert sum(len(seeds[genotype]) > 1 for genotype in drawn) >= 8
  in_grid = [genotype for genotype in seeds if genotype not in randoms]
  assert len({genotype.path for genotype in in_grid}) == 4
  assert len({genotype.cell for genotype in in_grid}) == 3
  assert len(in_grid) == 12
  assert all(seeds[genotype] == {0, 1} for genotype in in_grid)


def seeds_of(keys):
  found = collections.defaultdict(set)
  for key in keys:
    found[key.genotype].add(key.seed)
  return found

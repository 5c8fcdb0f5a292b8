"""Evolution by scores that are known."""

import numpy as np
import pytest

from deeplab_nas.config import relaxed_strategies
from deeplab_nas.search.relaxed.scoring import path_evolution
from deeplab_nas.search.trials import neighbours
from deeplab_nas.space import cell_space, lattice, primitives, search_space

SPACE = search_space.SearchSpace(
  cell_space.CellSpace(3, primitives.PRIMITIVES[:5]), lattice.Lattice(5)
)
SMALL = search_space.SearchSpace(
  cell_space.CellSpace(1, primitives.PRIMITIVES[2:4]), lattice.Lattice(2)
)


def evolution(space=SPACE, **settings):
  section = relaxed_strategies.SinglePathConfig(**settings)
  return path_evolution.PathEvolution(space, section)


def distance_to(target):
  """How many connections and levels differ."""

  def score(found):
    cells = zip(found.cell, target.cell)
    missing = sum(len(set(a) - set(b)) for a, b in cells)
    return missing + sum(a != b for a, b in zip(found.path, target.path))

  return score


@pytest.mark.parametrize('seed', range(2))
def test_it_finds_what_chance_does_not(seed):
  score = distance_to(SPACE.random(100 + seed))
  found = evolution(population_size=16, num_generations=12).run(score, seed)
  assert len(found) == 16 * 12
  assert list(found.values()) == sorted(found.values())
  rng = np.random.default_rng(seed)
  by_chance = min(score(SPACE.random(rng)) for _ in range(16 * 12))
  assert next(iter(found.values())) < by_chance


def test_equal_scores_give_equal_evolutions_and_seeds_others():
  score = distance_to(SPACE.random(7))
  small = evolution(population_size=6, num_generations=3)
  first, again, other = (list(small.run(score, seed)) for seed in (1, 1, 2))
  assert first == again != other


def test_all_of_a_small_space_are_scored_once():
  small, asked = evolution(SMALL, population_size=10, num_generations=6), []

  def score(found):
    asked.append(found)
    return 0.0

  found = small.run(score, 0)
  everything = set(neighbours.every(SMALL))
  assert set(found) == everything and len(asked) == len(everything)


def test_what_has_no_score_is_last_and_no_parent():
  target = SPACE.random(100)
  score = distance_to(target)
  broken = {SPACE.random(i) for i in range(5)}
  found = path_evolution.ranked(
    {g: float('nan') if g in broken else score(g) for g in [*broken, target]}
  )
  assert found[0] == target and set(found[1:]) == broken


def test_a_child_of_two_has_nothing_else():
  """Of one block, as the blocks of several have no order."""
  space = search_space.SearchSpace(
    cell_space.CellSpace(1, primitives.PRIMITIVES[:5]), lattice.Lattice(5)
  )
  made, rng = evolution(space), np.random.default_rng(0)
  cells, are_new = set(), set()
  for seed in range(30):
    parents = space.random(seed), space.random(100 + seed)
    child = made.crossed(*parents, rng)
    assert child in space
    cells.add([parent.cell for parent in parents].index(child.cell))
    for level, *levels in zip(child.path, *(x.path for x in parents)):
      assert level in levels
    are_new.add(child.path not in [parent.path for parent in parents])
  assert cells == {0, 1} and are_new == {True, False}


@pytest.mark.parametrize('probability, mean', [(0.0, 1), (0.3, 5.1)])
def test_as_many_changes_as_choices_mutate(probability, mean, monkeypatch):
  """Of 5 levels, and 2 sources and 2 primitives of each of 3 blocks."""
  made = evolution(mutation_probability=probability)
  rng, counts = np.random.default_rng(0), []
  mutate = search_space.SearchSpace.mutate

  def counted(self, parent, rng):
    counts[-1] += 1
    return mutate(self, parent, rng)

  monkeypatch.setattr(search_space.SearchSpace, 'mutate', counted)
  for seed in range(80):
    counts.append(0)
    assert made.mutated(SPACE.random(seed), rng) in SPACE
  assert np.mean(counts) == pytest.approx(mean, abs=0.7) and min(counts) >= 1

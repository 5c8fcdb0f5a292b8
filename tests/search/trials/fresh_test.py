"""What was not tried yet."""

import itertools

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.search.trials import fresh, neighbours, strategy
from deeplab_nas.space import lattice, search_space
from tests.search.trials import studies


def study(space, is_within=lambda genotype: True):
  return strategy.Study(space, (studies.FULL,), is_within=is_within)


def draw(count, task, tried=()):
  rng = np.random.default_rng(0)
  return [fresh.random(task, tried, rng) for _ in range(count)]


@pytest.mark.parametrize('num_left', [1, 3])
def test_the_last_ones_of_a_space_are_found(num_left):
  everything = list(neighbours.every(studies.TINY))
  tried = set(everything[num_left:])
  found = set(draw(12 * num_left, study(studies.TINY), tried))
  assert found == set(everything[:num_left])


def test_where_all_were_tried_one_within_the_budget_comes_again():
  everything = set(neighbours.every(studies.TINY))
  within = set(itertools.islice(neighbours.every(studies.TINY), 5, 8))
  task = study(studies.TINY, within.__contains__)
  assert set(draw(40, task, everything)) == within


def test_paths_and_primitives_are_drawn_uniformly():
  """Each of 13 paths 100 times, with a standard deviation of 9.6."""
  drawn = draw(1300, study(studies.TINY))
  paths = [genotype.path for genotype in drawn]
  counts = [paths.count(p) for p in studies.TINY.lattice.paths()]
  assert len(counts) == 13 and sum(counts) == 1300
  chi_squared = sum((n - 100) ** 2 / 100 for n in counts)
  assert chi_squared < 32.9  # p = .001 with 12 degrees of freedom


def test_a_budget_that_one_in_a_hundred_keeps_is_kept():
  task = study(studies.PAPER, lambda g: int(g.digest, 16) % 100 == 0)
  for genotype in draw(5, task):
    assert task.is_within(genotype)


def test_a_mutant_is_a_neighbour_while_one_is_left():
  rng = np.random.default_rng(0)
  parent = studies.MIDDLE.random(rng)
  around = set(neighbours.neighbours(studies.MIDDLE, parent))
  tried = set()
  for _ in around:
    tried.add(fresh.mutant(study(studies.MIDDLE), parent, tried, rng))
  assert tried == around


def test_then_it_is_a_neighbour_of_a_neighbour():
  rng = np.random.default_rng(0)
  parent = studies.MIDDLE.random(rng)
  around = neighbours.neighbours(studies.MIDDLE, parent)
  child = fresh.mutant(study(studies.MIDDLE), parent, around, rng)
  assert child not in around and child != parent
  assert set(neighbours.neighbours(studies.MIDDLE, child)) & set(around)


def test_mutants_are_as_often_of_the_path_as_a_mutation_is():
  rng = np.random.default_rng(0)
  parent = studies.PAPER.random(rng)
  task = study(studies.PAPER)
  children = [fresh.mutant(task, parent, (), rng) for _ in range(400)]
  of_path = sum(child.path != parent.path for child in children)
  mutants = [studies.PAPER.mutate(parent, rng) for _ in range(400)]
  as_often = sum(mutant.path != parent.path for mutant in mutants)
  assert abs(of_path - as_often) < 3 * np.sqrt(2 * 400 / 4)


@pytest.mark.parametrize('space', [studies.TINY, studies.MIDDLE])
def test_a_budget_that_nothing_keeps_is_refused_in_a_sentence(space):
  task = study(space, lambda genotype: False)
  with pytest.raises(errors.UserError, match='is within the budget: allow'):
    fresh.random(task, set(), np.random.default_rng(0))


def test_a_lonely_architecture_has_itself_as_mutant():
  space = search_space.SearchSpace(
    type(studies.TINY.cell)(1, studies.DARTS[3:4]), lattice.Lattice(1, (4,))
  )
  (only,) = neighbours.every(space)
  rng = np.random.default_rng(0)
  assert fresh.mutant(study(space), only, {only}, rng) == only

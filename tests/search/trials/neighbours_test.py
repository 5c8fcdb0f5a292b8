"""One change away: what a mutation can reach, and nothing else."""

import numpy as np
import pytest

from deeplab_nas.search.trials import neighbours
from deeplab_nas.space import cell_space, lattice, search_space
from tests.search.trials import studies


@pytest.mark.parametrize('seed', range(3))
def test_neighbours_are_exactly_what_mutations_reach(seed):
  rng = np.random.default_rng(seed)
  genotype = studies.MIDDLE.random(rng)
  around = neighbours.neighbours(studies.MIDDLE, genotype)
  mutants = {studies.MIDDLE.mutate(genotype, rng) for _ in range(1500)}
  assert set(around) == mutants
  assert len(set(around)) == len(around)
  assert genotype not in around


def test_being_neighbours_is_mutual():
  space = studies.PAPER
  genotype = space.random(np.random.default_rng(1))
  around = neighbours.neighbours(space, genotype)
  for other in around[::20]:
    assert genotype in neighbours.neighbours(space, other)


def test_a_foreign_genotype_is_refused():
  genotype = studies.PAPER.random(np.random.default_rng(0))
  with pytest.raises(ValueError, match='path has 12 levels'):
    neighbours.neighbours(studies.TINY, genotype)


def test_every_architecture_is_listed_once():
  listed = list(neighbours.every(studies.TINY))
  rng = np.random.default_rng(0)
  drawn = {studies.TINY.random(rng) for _ in range(600)}
  # 13 paths of three layers, and two unordered sources with 2 x 2 primitives.
  assert len(listed) == len(set(listed)) == 13 * 4
  assert set(listed) == drawn
  assert neighbours.count(studies.TINY) == 52


def test_equal_cells_are_listed_as_one():
  """648 of 768: the table that strategies are developed against."""
  one_path = search_space.SearchSpace(
    studies.MIDDLE.cell, lattice.Lattice(1, (4,))
  )
  listed = list(neighbours.every(one_path))
  assert len(set(listed)) == len(listed) == 648
  assert neighbours.count(one_path) == 768
  assert studies.MIDDLE.lattice.num_paths == 233


def test_a_space_of_one_architecture_has_no_neighbours():
  space = search_space.SearchSpace(
    cell_space.CellSpace(1, studies.DARTS[3:4]), lattice.Lattice(1, (4,))
  )
  (only,) = neighbours.every(space)
  assert neighbours.neighbours(space, only) == ()

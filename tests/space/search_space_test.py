"""Membership, sampling and mutation."""

import collections
import dataclasses

import numpy as np
import pytest

from deeplab_nas.space import (
  CellSpace,
  Genotype,
  Lattice,
  SearchSpace,
  primitives,
  zoo,
)

TINY = SearchSpace(
  CellSpace(2, (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)),
  Lattice(3, (4, 8)),
  filter_multiplier=2,
)


def test_widths_double_with_the_stride():
  space = SearchSpace(filter_multiplier=20)
  assert [space.filters(level) for level in range(4)] == [20, 40, 80, 160]
  assert [space.node_filters(level) for level in range(4)] == [
    100,
    200,
    400,
    800,
  ]


def test_the_papers_space_has_about_1e19_architectures():
  assert SearchSpace().num_architectures == 556_627_761_561_600 * 75_025


@pytest.mark.parametrize('name', zoo.names())
def test_the_space_of_a_genotype_holds_it(name):
  genotype = zoo.load(name)
  space = SearchSpace.containing(genotype, 48)
  assert genotype in space
  assert space.filter_multiplier == 48
  assert space.cell.num_blocks == genotype.num_blocks
  assert space.lattice.num_layers == genotype.num_layers
  assert space.lattice.strides == (4, 8, 16, 32)


@pytest.mark.parametrize('preset', primitives.PRESETS)
def test_the_space_of_a_genotype_has_the_primitives_of_all_presets(preset):
  genotype = dataclasses.replace(
    TINY.random(np.random.default_rng(0)), path=(0, 1, 2, 3)
  )
  space = SearchSpace.containing(genotype)
  assert set(primitives.PRESETS[preset]) <= set(space.cell.primitives)
  assert len(set(space.cell.primitives)) == len(space.cell.primitives)
  assert space.filter_multiplier == 20  # the paper's smallest network
  other = SearchSpace(
    CellSpace(2, primitives.PRESETS[preset]), Lattice(4)
  ).random(np.random.default_rng(1))
  assert other in space


def test_no_space_is_made_of_a_path_below_stride_32():
  cell = ((('prev', 'skip_connect'), ('prev', 'skip_connect')),)
  with pytest.raises(ValueError, match='cannot be at level 4'):
    SearchSpace.containing(Genotype((0, 1, 2, 3, 4), cell))


def test_membership_says_why_not():
  published = zoo.load('auto_deeplab')
  cases = [
    (SearchSpace(lattice=Lattice(11)), 'path has 12 levels'),
    (SearchSpace(lattice=Lattice(12, (4, 8, 16))), 'cannot be at level 3'),
    (SearchSpace(CellSpace(4)), 'has 5 blocks, the space has 4'),
    (
      SearchSpace(CellSpace(5, primitives.DARTS_PRIMITIVES)),
      'primitive .atrous_conv_5x5., which this space lacks',
    ),
  ]
  for space, message in cases:
    assert not space.contains(published)
    with pytest.raises(ValueError, match=message):
      space.check(published)


@pytest.mark.parametrize('space', [TINY, SearchSpace()], ids=['tiny', 'paper'])
def test_random_is_in_the_space_and_could_be_decoded(space):
  rng = np.random.default_rng(0)
  for _ in range(50):
    genotype = space.random(rng)
    assert genotype in space
    for (first, first_name), (second, second_name) in genotype.cell:
      assert first != second
      assert 'none' not in (first_name, second_name)


def test_random_is_reproducible():
  def sample(seed):
    return SearchSpace().random(np.random.default_rng(seed))

  assert sample(3) == sample(3) != sample(4)
  assert SearchSpace().random(3) == sample(3)
  mutants = [SearchSpace().mutate(sample(3), seed) for seed in (1, 1, 2)]
  assert mutants[0] == mutants[1] != mutants[2]


def test_without_a_generator_each_draw_is_another():
  drawn = [SearchSpace().random() for _ in range(4)]
  assert len({genotype.digest for genotype in drawn}) == 4
  assert SearchSpace().mutate(drawn[0]) != drawn[0]


def test_random_paths_are_uniform():
  # In this lattice a uniform choice at every step would not be.
  space = dataclasses.replace(TINY, lattice=Lattice(3, (4, 8, 16)))
  rng = np.random.default_rng(0)
  count = 4000
  seen = collections.Counter(space.random(rng).path for _ in range(count))
  paths = list(space.lattice.paths())
  assert set(seen) == set(paths) and len(paths) == 12
  # Each count is binomial: five standard deviations are 88.
  assert all(abs(seen[path] - count / 12) < 88 for path in paths)


@pytest.mark.parametrize('space', [TINY, SearchSpace()], ids=['tiny', 'paper'])
def test_mutation_makes_a_different_neighbour_in_the_space(space):
  rng = np.random.default_rng(0)
  parent = space.random(rng)
  for _ in range(100):
    child = space.mutate(parent, rng)
    assert child != parent and child in space
    if child.path != parent.path:
      assert child.cell == parent.cell
      steps = np.abs(np.subtract(child.path, parent.path))
      assert steps.sum() == 1
    parent = child


def test_mutation_reaches_every_path_and_every_primitive():
  rng = np.random.default_rng(0)
  genotype = TINY.random(rng)
  paths, names = set(), set()
  for _ in range(500):
    genotype = TINY.mutate(genotype, rng)
    paths.add(genotype.path)
    names.update(primitive for _, primitive in genotype.edges())
  assert paths == set(TINY.lattice.paths())
  assert names == {'skip_connect', 'sep_conv_3x3'}


def test_mutation_of_the_only_architecture_returns_it():
  space = SearchSpace(CellSpace(1, (primitives.SKIP,)), Lattice(2, (4,)))
  only = space.random(np.random.default_rng(0))
  assert space.mutate(only, np.random.default_rng(0)) == only


def test_mutation_refuses_strangers():
  stranger = Genotype(
    (0,), [[('prev', 'skip_connect'), ('prev', 'skip_connect')]]
  )
  with pytest.raises(ValueError, match='path has 1 levels'):
    TINY.mutate(stranger, np.random.default_rng(0))


def test_filter_multiplier_is_checked_and_part_of_the_value():
  with pytest.raises(ValueError, match='filter_multiplier is 0'):
    SearchSpace(filter_multiplier=0)
  assert dataclasses.replace(SearchSpace(), filter_multiplier=20) == (
    SearchSpace(filter_multiplier=20)
  )


def test_partial_channels_are_checked_but_not_against_the_width():
  with pytest.raises(ValueError, match='partial_channels is 0'):
    SearchSpace(partial_channels=0)
  # A derived network of any width has the space of its search.
  wide = dataclasses.replace(
    SearchSpace(partial_channels=8), filter_multiplier=20
  )
  assert wide.partial_channels == 8


def test_a_fractional_width_is_for_derived_networks_alone():
  space = SearchSpace(filter_multiplier=2.875)
  assert [space.filters(level) for level in range(4)] == [2, 5, 11, 23]
  assert space.node_filters(1) == 25
  with pytest.raises(ValueError, match='2.875; a supernet needs a whole'):
    space.check_supernet()
  SearchSpace(filter_multiplier=3.0).check_supernet()
  with pytest.raises(ValueError, match='filter_multiplier is 0.5'):
    SearchSpace(filter_multiplier=0.5)


def test_the_stem_of_a_search_has_8f_8f_and_16f_filters_or_those_given():
  assert SearchSpace(filter_multiplier=3).supernet_stem == (24, 24, 48)
  assert SearchSpace(stem_filters=[16, 8, 32]).supernet_stem == (16, 8, 32)
  with pytest.raises(ValueError, match=r'stem_filters is \(16, 16\)'):
    SearchSpace(stem_filters=(16, 16))

"""Genotypes as parameters and back."""

import numpy as np
import pytest

from deeplab_nas.search.trials import encoding
from deeplab_nas.space import lattice
from tests.search.trials import studies

SPACES = (studies.TINY, studies.MIDDLE, studies.PAPER)


def any_parameters(space, rng):
  return {
    name: values[rng.integers(len(values))]
    for name, values in encoding.choices(space).items()
  }


@pytest.mark.parametrize('space', SPACES)
def test_a_genotype_comes_back_from_its_parameters(space):
  rng = np.random.default_rng(0)
  choices = encoding.choices(space)
  for _ in range(50):
    genotype = space.random(rng)
    parameters = encoding.encode(space, genotype)
    assert encoding.decode(space, parameters) == genotype
    assert parameters.keys() == choices.keys()
    assert all(value in choices[name] for name, value in parameters.items())


@pytest.mark.parametrize('space', SPACES)
def test_any_parameters_are_an_architecture(space):
  rng = np.random.default_rng(1)
  for _ in range(50):
    genotype = encoding.decode(space, any_parameters(space, rng))
    assert genotype in space
    for first, second in genotype.cell:
      assert first.source != second.source


def test_the_papers_space_has_twelve_moves_and_twenty_pairs():
  choices = encoding.choices(studies.PAPER)
  assert len(choices) == 12 + 5 * 2 * 2
  assert 'none' not in choices['block_0_first_primitive']


def test_a_move_off_the_lattice_stays_at_the_border():
  parameters = any_parameters(studies.PAPER, np.random.default_rng(0))
  for move, path in {
    'down': (1, 2) + 10 * (3,),
    'up': 12 * (0,),
    'same': 12 * (0,),
  }.items():
    moves = {f'layer_{layer}': move for layer in range(1, 13)}
    assert encoding.decode(studies.PAPER, {**parameters, **moves}).path == path
  assert set(lattice.MOVE_NAMES) == {'up', 'same', 'down'}


def test_a_source_that_comes_twice_gives_way_to_the_next():
  sources = ('prev', 'prev_prev', 'block_0')
  parameters = any_parameters(studies.MIDDLE, np.random.default_rng(0))
  for source, after in zip(sources, sources[1:] + sources[:1]):
    twice = {f'block_1_{term}_source': source for term in ('first', 'second')}
    genotype = encoding.decode(studies.MIDDLE, {**parameters, **twice})
    pairs = [{s for s, _ in block} for block in genotype.cell]
    assert {source, after} in pairs

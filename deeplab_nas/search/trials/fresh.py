"""Architectures that were not tried yet, and are within the budget."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence

import numpy as np

from deeplab_nas import errors
from deeplab_nas.search.trials import neighbours, strategy
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space

Genotype = genotype_lib.Genotype

# Draws until a budget counts as one that nothing keeps.
_DRAWS = 1000
# Draws before a list is looked through: of a small space, or of neighbours.
_FEW_DRAWS = 20
# The largest space that is small.
_SMALL = 5000


def random(
  study: strategy.Study,
  tried: Collection[Genotype],
  rng: np.random.Generator,
) -> Genotype:
  """A random architecture: paths, sources and primitives are uniform.

  Args:
    study: The space and its budget.
    tried: What is not to be drawn. Where nothing else is left, it is.
    rng: Draws.

  Raises:
    UserError: If no architecture was found within the budget.
  """
  is_small = neighbours.count(study.space) <= _SMALL
  count = _FEW_DRAWS if is_small else _DRAWS
  draws = (study.space.random(rng) for _ in range(count))
  if is_small:
    draws = itertools.chain(draws, _shuffled(_listed(study.space), rng))
  found = _first(draws, study, tried)
  return _again(study, tried, rng) if found is None else found


def mutant(
  study: strategy.Study,
  parent: Genotype,
  tried: Collection[Genotype],
  rng: np.random.Generator,
) -> Genotype:
  """A random neighbour, or where all were tried one that is as near as can be.

  Args:
    study: The space and its budget.
    parent: An element of the space.
    tried: See `random`; the parent is not drawn either.
    rng: Draws.

  Raises:
    UserError: See `random`.
  """
  draws = (study.space.mutate(parent, rng) for _ in range(_FEW_DRAWS))
  nearest = itertools.islice(_by_distance(study, parent, rng), _DRAWS)
  child = _first(itertools.chain(draws, nearest), study, {*tried, parent})
  return random(study, tried, rng) if child is None else child


def _by_distance(
  study: strategy.Study, start: Genotype, rng: np.random.Generator
) -> Iterator[Genotype]:
  """Neighbours, then neighbours of those, ..., each once."""
  seen, ring = {start}, [start]
  while ring:
    wider = []
    for centre in ring:
      around = neighbours.neighbours(study.space, centre)
      for genotype in _shuffled(around, rng):
        if genotype not in seen:
          seen.add(genotype)
          wider.append(genotype)
          yield genotype
    ring = wider


@functools.lru_cache(maxsize=2)
def _listed(space: search_space.SearchSpace) -> Sequence[Genotype]:
  """All architectures of a small space."""
  return tuple(neighbours.every(space))


def _shuffled(
  genotypes: Sequence[Genotype], rng: np.random.Generator
) -> Iterator[Genotype]:
  return (genotypes[i] for i in rng.permutation(len(genotypes)))


def _first(
  candidates: Iterable[Genotype],
  study: strategy.Study,
  tried: Collection[Genotype],
) -> Genotype | None:
  """The first new one within the budget; None if there is none."""
  seen = set(tried)
  for candidate in candidates:
    if candidate not in seen:
      if study.is_within(candidate):
        return candidate
      seen.add(candidate)
  return None


def _again(
  study: strategy.Study,
  tried: Collection[Genotype],
  rng: np.random.Generator,
) -> Genotype:
  """One that was tried, where nothing else is left."""
  # In one order, whatever the order of a set.
  known = sorted(tried, key=lambda genotype: genotype.digest)
  found = _first(_shuffled(known, rng), study, ())
  if found is None:
    raise errors.UserError(
      'No architecture that was drawn is within the budget: allow more, or'
      ' search a smaller space.'
    )
  return found

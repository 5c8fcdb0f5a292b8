"""Made-up losses of architectures: what strategies are compared on in seconds.

Each is a function of a genotype, the same for the same seed, and scaled so that
random architectures have mean 0 and standard deviation 1. The kinds differ in
what they reward, so that no strategy can be made for one of them:

  target  how far an architecture is from a hidden one
  rugged  tables over neighbouring genes, as in NK landscapes: many minima
  trend   level, operators and depth as a whole, as rules of thumb have it

Reference:
  Kauffman and Levin, Towards a general theory of adaptive walks on rugged
  landscapes, https://doi.org/10.1016/S0022-5193(87)80029-2
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space

Loss = Callable[[genotype_lib.Genotype], float]

# Random architectures by which a landscape is scaled.
_SCALED_BY = 200


class Landscape:
  """A scaled loss, and where it is least.

  Attributes:
    optimum: The architecture of the least loss; None where it is not known.
    least: Its loss.
  """

  def __init__(
    self,
    loss: Loss,
    space: search_space.SearchSpace,
    optimum: genotype_lib.Genotype | None = None,
  ):
    self._loss = functools.cache(loss)
    rng = np.random.default_rng(0)
    losses = [loss(space.random(rng)) for _ in range(_SCALED_BY)]
    self._mean, self._sd = np.mean(losses), np.std(losses) or 1.0
    self.optimum = optimum
    self.least = self(optimum) if optimum else None

  def __call__(self, genotype: genotype_lib.Genotype) -> float:
    return float((self._loss(genotype) - self._mean) / self._sd)


def target(space: search_space.SearchSpace, seed: int) -> Landscape:
  """Weighted levels, sources and primitives that are not the hidden ones."""
  rng = _rng(seed)
  optimum = space.random(rng)
  by_layer = rng.exponential(size=space.lattice.num_layers)
  by_block = rng.exponential(size=(space.cell.num_blocks, 2))

  def loss(genotype: genotype_lib.Genotype) -> float:
    steps = np.abs(np.subtract(genotype.path, optimum.path))
    total = by_layer @ steps
    for block, hidden, weights in zip(genotype.cell, optimum.cell, by_block):
      total += min(
        weights
        @ [
          sum(getattr(a, field) != getattr(b, field) for a, b in zip(x, hidden))
          for field in ('source', 'primitive')
        ]
        for x in (block, block[::-1])
      )
    return total

  return Landscape(loss, space, optimum)


def rugged(
  space: search_space.SearchSpace, seed: int, width: int = 2
) -> Landscape:
  """The sum of tables, each over `width` neighbouring genes; least at 0."""
  optimum = space.random(_rng(seed))
  best = _genes(optimum)
  weights = _rng(seed, 1).exponential(size=len(best))

  def loss(genotype: genotype_lib.Genotype) -> float:
    genes = _genes(genotype)
    total = 0.0
    for i, weight in enumerate(weights):
      where = [(i + j) % len(genes) for j in range(width)]
      here = [genes[j] for j in where]
      if here != [best[j] for j in where]:
        total += weight * (0.1 + 0.9 * _uniform(seed, i, here))
    return total

  return Landscape(loss, space, optimum)


def trend(space: search_space.SearchSpace, seed: int) -> Landscape:
  """Squared distances of sums from hidden ones, and a little of each gene."""
  rng = _rng(seed)
  hidden = space.random(rng)
  names = sorted(p.name for p in space.cell.primitives)
  merits = dict(zip(names, rng.normal(size=len(names))))
  weights = rng.exponential(size=4)

  def sums(genotype: genotype_lib.Genotype) -> np.ndarray:
    path = np.array(genotype.path)
    turns = np.count_nonzero(np.diff(path, prepend=0))
    reads = sum(
      source.startswith('block') for b in genotype.cell for source, _ in b
    )
    return np.array([path.mean(), path[-1], turns / len(path), reads / 2])

  centre = sums(hidden)

  def loss(genotype: genotype_lib.Genotype) -> float:
    merit = np.mean([merits[p] for b in genotype.cell for _, p in b])
    own = np.mean(
      [_uniform(seed, i, g) for i, g in enumerate(_genes(genotype))]
    )
    return weights @ (sums(genotype) - centre) ** 2 - 2 * merit + 2 * own

  return Landscape(loss, space)


KINDS = {'target': target, 'rugged': rugged, 'trend': trend}


def blend(first: Loss, second: Loss, correlation: float) -> Loss:
  """A loss that has a correlation with the first, if both are independent."""
  rest = np.sqrt(1 - correlation**2)
  return lambda genotype: (
    correlation * first(genotype) + rest * second(genotype)
  )


def _rng(*key: int) -> np.random.Generator:
  """One that no study has, the seeds of which are (seed, number of trial)."""
  return np.random.default_rng([*key, 0x1A2D5CA9E])


def _genes(genotype: genotype_lib.Genotype) -> Sequence[object]:
  """Levels, then sources and primitives in their canonical order."""
  terms = (term for block in genotype.cell for term in block)
  return [*genotype.path, *(part for term in terms for part in term)]


def _uniform(*key: object) -> float:
  """A number in [0, 1) that is as random as the key is new."""
  digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
  return int.from_bytes(digest, 'big') / 2**64

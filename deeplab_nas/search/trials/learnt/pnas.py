"""Progressive search: cells that grow block by block, and a predictor.

Reference:
  Liu et al., Progressive neural architecture search, Algorithm 1,
  https://arxiv.org/abs/1712.00559
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import fresh, history, neighbours, strategy
from deeplab_nas.search.trials.learnt import beliefs, predictor
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space

# Trials of a round with which a rank correlation says something.
_FEW = 4


class Partial(NamedTuple):
  """What is decided so far.

  Attributes:
    path: Levels of the first layers.
    cell: The first blocks.
  """

  path: tuple[int, ...] = ()
  cell: tuple[genotype_lib.Block, ...] = ()


class Pnas(history.ByScores):
  """Algorithm 1 of the paper, for paths as well as cells.

  In round 1, `num_initial` architectures with one block and the first layers of
  a path are trained, in each further round the K that a predictor, which has
  learnt from all rounds before, thinks the best among those with one block and
  some layers more than the best of the round before.

  Differs from the paper:
  - A trial is a network of the study's size: the blocks that there are so far
    are repeated in turn until there are B, the same cell but wider, and the
    path stays at the last level that is decided.
  - Round 1 is a sample, as paths multiply the first blocks, and a later one
    looks at `pool_size` extensions where there are more; the K best by their
    scores are extended, of round 1, too, of which the paper extends all.
    Chance alone chose round 1, but among cells of one block.
  - After round B, where the paper ends, the predictor chooses among the
    neighbours of the K best so far, K a round.
  - The two terms of a block read different sources, as decoding has it; with
    the paper's rule `unique_blocks` gives its 136 first blocks.
  """

  def __init__(
    self, study: strategy.Study, settings: config_strategies.PnasConfig
  ):
    self.study = study
    self.settings = settings
    self._memory: tuple | None = None
    self._neighbours = functools.lru_cache(maxsize=256)(
      functools.partial(neighbours.neighbours, study.space)
    )

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    full = self.study.full
    tried = history.tried(trials, full)
    number = self._round(len(trials))
    before = trials[: self._start(number)]
    parents = self._parents(before, number)
    pool = self._pool(before, parents, number)
    if number > 1 and history.scored(self.study, before, full):
      candidates = list(pool)
      order = np.argsort(
        self._predictor(before).predict(candidates), kind='stable'
      )
      pool = {candidates[i]: pool[candidates[i]] for i in order}
    for genotype, parent in pool.items():
      if genotype not in tried and self.study.is_within(genotype):
        return strategy.Proposal(genotype, full, parent, number == 1)
    best = history.best(self.study, trials)
    if not best:
      genotype = fresh.random(self.study, tried, rng)
      return strategy.Proposal(genotype, full, is_random=True)
    child = fresh.mutant(self.study, best[0], tried, rng)
    parent = next(t.number for t in trials if t.genotype == best[0])
    return strategy.Proposal(child, full, parent)

  def remarks(self, trials: Sequence[strategy.Trial]) -> list[str]:
    """How well the predictor had ranked the trials of each round."""
    found = []
    for number in range(2, self._round(len(trials)) + 1):
      start, end = self._start(number), self._start(number + 1)
      scored = history.scored(self.study, trials[start:end], self.study.full)
      before = trials[:start]
      if len(scored) < _FEW or not history.scored(
        self.study, before, self.study.full
      ):
        continue
      expected = self._predictor(before).predict([t.genotype for t in scored])
      seen = [self.study.loss(trial) for trial in scored]
      tau = scipy.stats.kendalltau(expected, seen).statistic
      if np.isfinite(tau):
        found.append(
          f'Round {number}: the predictor ranked its {len(scored)} choices,'
          f' which differ less than others would, with a tau of {tau:.2f}.'
        )
    return found

  def _round(self, num_trials: int) -> int:
    """The round of the trial of this number, from 1."""
    later = num_trials - self.settings.num_initial
    return 1 if later < 0 else 2 + later // self.settings.beam_size

  def _start(self, number: int) -> int:
    """The first trial of a round."""
    if number == 1:
      return 0
    later = (number - 2) * self.settings.beam_size
    return self.settings.num_initial + later

  def _parents(
    self, before: Sequence[strategy.Trial], number: int
  ) -> list[strategy.Trial]:
    """The K best, of the round before while cells grow, then of all.

    Where a round has no score, it is its first ones.
    """
    if number == 1:
      return []
    growing = number <= self.study.space.cell.num_blocks
    rows = before[self._start(number - 1) if growing else 0 :]
    scored = history.scored(self.study, rows, self.study.full)
    ranked = sorted(scored, key=self.study.loss) or list(rows)
    return ranked[: self.settings.beam_size]

  def _pool(
    self,
    before: Sequence[strategy.Trial],
    parents: Sequence[strategy.Trial],
    number: int,
  ) -> dict[genotype_lib.Genotype, int | None]:
    """Candidates of a round, the same of the same parents."""
    space = self.study.space
    num_blocks, num_layers = space.cell.num_blocks, space.lattice.num_layers
    if number > num_blocks and parents:
      return {
        genotype: trial.number
        for trial in reversed(parents)
        for genotype in self._neighbours(trial.genotype)
      }
    number = min(number, num_blocks)
    layers = [round(num_layers * n / num_blocks) for n in (number - 1, number)]
    roots = [
      (reduced(t.genotype, layers[0], number - 1), t.number) for t in parents
    ] or [(Partial(), None)]
    choices = [
      (root, parent, list(longer_paths(space, root.path, layers[1])))
      for root, parent in roots
    ]
    sizes = [
      len(paths) * len(_blocks_of(space, len(root.cell)))
      for root, _, paths in choices
    ]
    # Of the study and the round, whichever trial of it is proposed.
    rng = np.random.default_rng([before[-1].seed if before else 0, number])
    count = min(sum(sizes), self.settings.pool_size)
    bounds = np.cumsum([0, *sizes])
    pool = {}
    for index in rng.choice(sum(sizes), size=count, replace=False):
      which = int(np.searchsorted(bounds, index, side='right')) - 1
      root, parent, paths = choices[which]
      block, path = divmod(int(index - bounds[which]), len(paths))
      terms = _blocks_of(space, len(root.cell))[block]
      if sorted(terms) not in map(sorted, root.cell):
        partial = Partial(paths[path], (*root.cell, terms))
        pool.setdefault(completed(space, partial), parent)
    return pool

  def _predictor(self, trials: Sequence[strategy.Trial]) -> predictor.Ensemble:
    """Fitted to all scores; the last one is remembered."""
    scored = history.scored(self.study, trials, self.study.full)
    losses = np.array([self.study.loss(trial) for trial in scored])
    genotypes = tuple(trial.genotype for trial in scored)
    key = genotypes, losses.tobytes()
    if self._memory is None or self._memory[0] != key:
      made = predictor.Ensemble(self.study.space, self.settings.predictor)
      made.fit(genotypes, beliefs.tamed(losses))
      self._memory = key, made
    return self._memory[1]


def unique_blocks(
  sources: Sequence[str], primitives: Sequence[str], may_repeat: bool = False
) -> list[genotype_lib.Block]:
  """Blocks of which no two compute the same.

      len(unique_blocks(('prev', 'prev_prev'), eight_names, True))    # 136

  Args:
    sources: n states that may be read.
    primitives: o names.
    may_repeat: Whether both terms may read the same state, as in the paper,
      which makes (n^2 o^2 + n o) / 2 blocks; else they are o^2 n (n - 1) / 2.
  """
  terms = [
    genotype_lib.Connection(*term)
    for term in itertools.product(sources, primitives)
  ]
  return [
    (first, second)
    for first, second in itertools.combinations_with_replacement(terms, 2)
    if may_repeat or first.source != second.source
  ]


@functools.lru_cache(maxsize=64)
def _blocks_of(
  space: search_space.SearchSpace, block: int
) -> list[genotype_lib.Block]:
  sources = [space.cell.source_name(s) for s in space.cell.sources(block)]
  names = [p.name for p in space.cell.primitives if not p.is_none]
  return unique_blocks(sources, names)


def longer_paths(
  space: search_space.SearchSpace, path: tuple[int, ...], num_layers: int
) -> Iterator[tuple[int, ...]]:
  """All paths of so many layers that begin with this one."""
  if len(path) >= num_layers:
    yield path
    return
  for level in space.lattice.next_levels(path):
    yield from longer_paths(space, (*path, level), num_layers)


def completed(
  space: search_space.SearchSpace, partial: Partial
) -> genotype_lib.Genotype:
  """The architecture that stands for a partial one.

  Copy k of a block reads copy k of the blocks that the block reads.
  """
  cell, count = partial.cell, len(partial.cell)
  names = {f'block_{i}': i for i in range(count)}
  blocks = []
  for index in range(space.cell.num_blocks):
    copy = index - index % count
    blocks.append(
      tuple(
        genotype_lib.Connection(
          f'block_{copy + names[source]}' if source in names else source,
          primitive,
        )
        for source, primitive in cell[index % count]
      )
    )
  missing = space.lattice.num_layers - len(partial.path)
  last = partial.path[-1] if partial.path else 0
  return genotype_lib.Genotype(
    (*partial.path, *missing * (last,)), tuple(blocks)
  )


def reduced(
  genotype: genotype_lib.Genotype, num_layers: int, num_blocks: int
) -> Partial:
  """The first layers, and the first blocks that compute different things."""
  cell, names, known = [], {}, {}
  for index, terms in enumerate(genotype.cell):
    terms = tuple(
      genotype_lib.Connection(names.get(source, source), primitive)
      for source, primitive in terms
    )
    key = tuple(sorted(terms))
    if key not in known:
      known[key] = f'block_{len(cell)}'
      cell.append(terms)
    names[f'block_{index}'] = known[key]
  return Partial(genotype.path[:num_layers], tuple(cell[:num_blocks]))

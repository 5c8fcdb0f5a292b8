"""The controller RNN: a distribution over the architectures of a space.

Reference:
  Zoph and Le, Neural architecture search with reinforcement learning, Sec. 3.1,
  https://arxiv.org/abs/1611.01578
  Zoph et al., Learning transferable architectures, Sec. 3 and Appendix A,
  https://arxiv.org/abs/1707.07012, for the order of a block's decisions
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.special

from deeplab_nas.search.trials.learnt import recurrent
from deeplab_nas.space import canonical, search_space
from deeplab_nas.space import genotype as genotype_lib

# Largest weight at the start; .1 in NASNet.
_SCALE = 0.1
Genotype = genotype_lib.Genotype


class Decisions:
  """An architecture as a sequence of choices, each architecture as one.

  The level of each layer, then for each block its two sources and their two
  primitives. Legal is what leads to a genotype in its canonical order, so that
  two sequences are never the same network.

  Attributes:
    sizes: Options of each step, legal or not.
  """

  def __init__(self, space: search_space.SearchSpace):
    self._space = space
    self._sources = [
      space.cell.source_name(s) for s in range(space.cell.num_sources)
    ]
    self._primitives = [p.name for p in space.cell.primitives if not p.is_none]
    self.sizes = [space.lattice.num_levels] * space.lattice.num_layers
    for block in range(space.cell.num_blocks):
      num_sources = len(space.cell.sources(block))
      self.sizes += [num_sources] * 2 + [len(self._primitives)] * 2
    self.blocks = functools.lru_cache(maxsize=10_000)(self._blocks)

  def steps(
    self, genotype: Genotype | None = None
  ) -> Iterator[tuple[np.ndarray, int | None]]:
    """Which options are legal, bool [size], and the choice of an architecture.

    Without an architecture, each choice is to be sent to the generator, which
    returns the architecture.
    """
    length = self._space.lattice.num_layers
    path, cell = (), ()
    for layer in range(length):
      legal = np.zeros(self.sizes[layer], bool)
      legal[list(self._space.lattice.next_levels(path))] = True
      choice = yield legal, None if genotype is None else genotype.path[layer]
      path += (choice if genotype is None else genotype.path[layer],)
    for block in range(self._space.cell.num_blocks):
      left = self.blocks(cell)
      known = None if genotype is None else self._numbers(genotype.cell[block])
      for part in range(4):
        legal = np.zeros(self.sizes[length + 4 * block + part], bool)
        legal[left[:, part]] = True
        choice = yield legal, None if known is None else known[part]
        choice = choice if known is None else known[part]
        left = left[left[:, part] == choice]
      cell += (self._terms(left[0]),)
    return Genotype(path, cell)

  def _blocks(self, cell: tuple[genotype_lib.Block, ...]) -> np.ndarray:
    """What may come after some blocks: two sources, two primitives, [K, 4]."""
    num_sources, num_primitives = 2 + len(cell), len(self._primitives)
    shape = num_sources, num_sources, num_primitives, num_primitives
    found = [
      numbers
      for numbers in np.ndindex(*shape)
      if numbers[0] != numbers[1]
      and self._is_canonical((*cell, self._terms(numbers)))
    ]
    return np.array(found)

  def _is_canonical(self, cell: tuple[genotype_lib.Block, ...]) -> bool:
    """Of a cell that is canonical without its last block.

    The canonical order ascends by depth, then by terms. Only where blocks are
    equal but for their readers do all orders have to be looked at.
    """
    if not cell[-1][0] < cell[-1][1]:
      return False
    keys, depths = [], {}
    for block, terms in enumerate(cell):
      depth = 1 + max(depths.get(source, 0) for source, _ in terms)
      depths[f'block_{block}'] = depth
      keys.append((depth, terms[::-1]))
    if len(set(keys)) == len(keys):
      return len(keys) == 1 or keys[-2] < keys[-1]
    return canonical.cell_order(cell) == cell

  def _terms(self, numbers: Sequence[int]) -> genotype_lib.Block:
    first, second, *primitives = numbers
    return tuple(
      genotype_lib.Connection(self._sources[s], self._primitives[p])
      for s, p in zip((first, second), primitives)
    )

  def _numbers(self, terms: genotype_lib.Block) -> list[int]:
    return [
      *(self._sources.index(source) for source, _ in terms),
      *(self._primitives.index(primitive) for _, primitive in terms),
    ]


class Passed(NamedTuple):
  """What a pass over architectures leaves for its gradient."""

  choices: np.ndarray  # [T, N]
  log_probs: list[np.ndarray]  # of every option, T of [N, size]
  outputs: np.ndarray  # [T, N, H]
  steps: list


class Controller:
  """An LSTM whose steps are decisions, each with a softmax of its own.

  The choice of a step is embedded, and the input of the next one. What is
  illegal has a probability of exactly 0.

  Its weights are an argument of all methods: see `initial`.
  """

  def __init__(self, space: search_space.SearchSpace, num_units: int):
    self._decisions = Decisions(space)
    self._units = num_units
    self._known = functools.lru_cache(maxsize=10_000)(self._followed)

  def initial(self, rng: np.random.Generator) -> recurrent.Weights:
    """Weights with which all legal choices are about equally probable."""
    weights = recurrent.initial(self._units, self._units, rng, _SCALE)
    weights['start'] = rng.uniform(-_SCALE, _SCALE, [1, self._units])
    for t, size in enumerate(self._decisions.sizes):
      for name in ('embedding', 'softmax'):
        weights[f'{name}_{t}'] = rng.uniform(
          -_SCALE, _SCALE, [size, self._units]
        )
      weights[f'offset_{t}'] = np.zeros(size)
    return weights

  def sample(
    self, weights: recurrent.Weights, rng: np.random.Generator
  ) -> Genotype:
    """Draws an architecture."""
    steps = self._decisions.steps()
    legal, _ = next(steps)
    zeros = np.zeros([1, self._units])
    state, inputs = recurrent.State(zeros, zeros), weights['start']
    for t, size in enumerate(self._decisions.sizes):
      state, _ = recurrent.step(weights, inputs, state)
      probs = np.exp(_log_probs(weights, t, state.output, legal[None]))[0]
      choice = int(rng.choice(size, p=probs / probs.sum()))
      inputs = weights[f'embedding_{t}'][choice][None]
      try:
        legal, _ = steps.send(choice)
      except StopIteration as end:
        return end.value
    raise AssertionError('a sequence has as many decisions as there are sizes')

  def log_prob(
    self, weights: recurrent.Weights, genotypes: Sequence[Genotype]
  ) -> tuple[np.ndarray, Passed]:
    """Log-probabilities, float [N], and what `gradient` wants to know."""
    followed = [self._known(genotype) for genotype in genotypes]
    choices = np.array([choice for choice, _ in followed]).T
    inputs = [np.repeat(weights['start'], len(genotypes), axis=0)]
    inputs += [
      weights[f'embedding_{t}'][chosen] for t, chosen in enumerate(choices[:-1])
    ]
    outputs, steps = recurrent.run(weights, np.stack(inputs))
    tables = [
      _log_probs(weights, t, outputs[t], np.stack([m[t] for _, m in followed]))
      for t in range(len(choices))
    ]
    rows = np.arange(len(genotypes))
    total = sum(table[rows, c] for table, c in zip(tables, choices))
    return total, Passed(choices, tables, outputs, steps)

  def gradient(
    self,
    weights: recurrent.Weights,
    passed: Passed,
    advantages: np.ndarray,
    entropy: float = 0.0,
  ) -> recurrent.Weights:
    """Of mean(advantage * log-probability), plus entropies of the decisions.

    Without `entropy` this is Zoph and Le's estimate of the gradient of the
    expected reward, Sec. 3.2, where the architectures were sampled.

    Args:
      weights: As in `log_prob`.
      passed: What it has returned.
      advantages: Float [N], rewards less a baseline.
      entropy: Weight of the sum of all decisions' entropies, a mean over
        architectures.
    """
    count = len(advantages)
    rows, found = np.arange(count), {}
    by_outputs = np.empty_like(passed.outputs)
    for t, table in enumerate(passed.log_probs):
      probs = np.exp(table)
      finite = np.where(probs > 0, table, 0)
      own = -(probs * finite).sum(axis=1, keepdims=True)
      slopes = -probs * advantages[:, None]
      slopes[rows, passed.choices[t]] += advantages
      slopes = (slopes - entropy * probs * (finite + own)) / count
      found[f'softmax_{t}'] = slopes.T @ passed.outputs[t]
      found[f'offset_{t}'] = slopes.sum(axis=0)
      by_outputs[t] = slopes @ weights[f'softmax_{t}']
    of_lstm, by_inputs = recurrent.gradients(weights, passed.steps, by_outputs)
    for t in range(len(passed.choices)):
      table = np.zeros_like(weights[f'embedding_{t}'])
      if t + 1 < len(by_inputs):
        np.add.at(table, passed.choices[t], by_inputs[t + 1])
      found[f'embedding_{t}'] = table
    start = by_inputs[0].sum(axis=0, keepdims=True)
    return {**found, **of_lstm, 'start': start}

  def _followed(self, genotype: Genotype) -> tuple[list[int], list[np.ndarray]]:
    pairs = list(self._decisions.steps(genotype))
    return [choice for _, choice in pairs], [legal for legal, _ in pairs]


def _log_probs(
  weights: recurrent.Weights, t: int, outputs: np.ndarray, legal: np.ndarray
) -> np.ndarray:
  """Float [N, size]; -inf of what is illegal."""
  logits = outputs @ weights[f'softmax_{t}'].T + weights[f'offset_{t}']
  return scipy.special.log_softmax(np.where(legal, logits, -np.inf), axis=1)

"""Which strategy on one supernet a case of the slow tests runs.

All for each would take hours. So each case draws one, and whether paths are
global or there is a budget, such that over all cases each comes up. Another
number in the variable DEEPLAB_NAS_DRAW draws others.
"""

from __future__ import annotations

import functools
import os
import random
from collections.abc import Mapping
from typing import Any, NamedTuple

from tests.search.relaxed import toy

GRADIENTS = ('first_order', 'second_order', 'snas', 'gdas', 'drnas')
GRADIENTS += ('proxyless',)
WITH_BUDGET = (*GRADIENTS, 'single_path')
PLAIN, GLOBAL, BUDGET = 'plain', 'global', 'budget'
Settings = Mapping[str, Mapping[str, Any]]

# What makes each small, by section.
_SMALL = {
  'enas': {'num_children': 2, 'num_units': 8},
  # Of three epochs or fewer, with the decisions of one block.
  'perturbation': {'start': 0.3, 'num_batches': 2, 'num_paths': 2},
  'single_path': {
    'population_size': 3,
    'num_generations': 2,
    'num_images': 3,
    'recalibration_batches': 2,
  },
}
_KINDS = {
  PLAIN: {},
  GLOBAL: {'space': {'paths': 'global'}},
  # Of the cells, for crops of 33 x 33: skips cost 3e4, the mean is 1.1e5.
  BUDGET: {'search': {'cost_budget': 8e4}},
}


class Case(NamedTuple):
  """What a case can run.

  Attributes:
    strategies: Names.
    kinds: Of `PLAIN`, `GLOBAL` and `BUDGET`.
  """

  strategies: tuple[str, ...] = tuple(toy.RELAXED)
  kinds: tuple[str, ...] = (PLAIN,)


_ALL = Case(kinds=(PLAIN, GLOBAL, BUDGET))
CASES = {
  'partial channels': Case(GRADIENTS),  # of which it looks at the logits
  'two workers': _ALL,
  'two devices': Case(kinds=(PLAIN, GLOBAL)),
  'stopped in every way': _ALL,
  'resumed': Case(kinds=(PLAIN, GLOBAL)),
  'checkpoint': Case(kinds=(PLAIN, GLOBAL)),
  'from a shell': _ALL,
  'dry run from a shell': _ALL,
  # Not the one whose scores have a dry run of their own.
  'dry run': Case(
    tuple(x for x in toy.RELAXED if x != 'single_path'), (PLAIN, GLOBAL)
  ),
  'bad step': Case(),
  'doctor': Case(),
  'compiled': Case(),
  # At length, after every strategy has come up.
  'two workers, killed': _ALL,
  'many kills': _ALL,
}


class Draw(NamedTuple):
  """What a case runs: a strategy, and one of the case's kinds."""

  strategy: str
  kind: str

  @property
  def settings(self) -> Settings:
    """By section."""
    found = {k: dict(v) for k, v in _KINDS[self.kind].items()}
    found.setdefault('search', {})['strategy'] = self.strategy
    if self.strategy in _SMALL:
      found[self.strategy] = dict(_SMALL[self.strategy])
    return found

  @property
  def flags(self) -> tuple[str, ...]:
    """Values of --set."""
    return tuple(
      f'{section}.{name}={value}'
      for section, values in self.settings.items()
      for name, value in values.items()
    )


def of(case: str) -> Draw:
  """What a case runs; one of `CASES`."""
  return drawn(int(os.environ.get('DEEPLAB_NAS_DRAW', '0')))[case]


@functools.cache
def drawn(seed: int) -> Mapping[str, Draw]:
  """One of what has not come up yet, where a case can; else any, by chance."""
  rng = random.Random(seed)
  unseen = {*toy.RELAXED, GLOBAL, BUDGET}

  def choose(options):
    chosen = rng.choice([x for x in options if x in unseen] or options)
    unseen.discard(chosen)
    return chosen

  found = {}
  for name, case in CASES.items():
    strategy = choose(case.strategies)
    kinds = [x for x in case.kinds if x != BUDGET or strategy in WITH_BUDGET]
    found[name] = Draw(strategy, choose(kinds))
  return found


def merged(settings: Settings, more: Settings) -> dict[str, dict[str, Any]]:
  """Settings by section, with others on top."""
  return {
    section: {**settings.get(section, {}), **more.get(section, {})}
    for section in {**settings, **more}
  }

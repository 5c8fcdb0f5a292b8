"""The strategies that there are: the one registry, imported lazily.

A family is a way to search. `relaxed` strategies take one step at a time on the
weights of one supernet. A strategy of a family keeps the protocol that the
family's `strategy.py` states. `trials` ones train networks of their own, one
after the other.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

from deeplab_nas import errors


class Entry(NamedTuple):
  """Where a strategy is.

  Attributes:
    family: A key of `FAMILIES`.
    module: Its module.
    name: Its class there.
    section: The section of the settings that are its own.
  """

  family: str
  module: str
  name: str
  section: str


# The module that runs a search of a family: `run` and `dry_run`.
FAMILIES = {
  'relaxed': 'deeplab_nas.search.relaxed.run',
  'trials': 'deeplab_nas.search.trials.run',
}

_RELAXED = 'deeplab_nas.search.relaxed'
_TRIALS = 'deeplab_nas.search.trials'
STRATEGIES = {
  'first_order': Entry(
    'relaxed',
    f'{_RELAXED}.first_order',
    'FirstOrder',
    'search',
  ),
  **{
    name: Entry('relaxed', f'{_RELAXED}.{name}', cls, name)
    for name, cls in (
      ('second_order', 'SecondOrder'),
      ('snas', 'Snas'),
      ('gdas', 'Gdas'),
      ('drnas', 'Drnas'),
      ('proxyless', 'Proxyless'),
      ('enas', 'Enas'),
      ('perturbation', 'Perturbation'),
      ('single_path', 'SinglePath'),
    )
  },
  'random': Entry('trials', f'{_TRIALS}.random', 'Random', 'search'),
  'local_search': Entry(
    'trials', f'{_TRIALS}.local_search', 'LocalSearch', 'local_search'
  ),
  'regularized_evolution': Entry(
    'trials',
    f'{_TRIALS}.regularized_evolution',
    'RegularizedEvolution',
    'regularized_evolution',
  ),
  'nsga2': Entry('trials', f'{_TRIALS}.optuna_samplers', 'Nsga2', 'nsga2'),
  'lemonade': Entry(
    'trials', f'{_TRIALS}.lamarckian.lemonade', 'Lemonade', 'lemonade'
  ),
  'tpe': Entry('trials', f'{_TRIALS}.optuna_samplers', 'Tpe', 'tpe'),
  'halving': Entry('trials', f'{_TRIALS}.learnt.halving', 'Halving', 'halving'),
  'bayesian': Entry(
    'trials', f'{_TRIALS}.learnt.bayesian', 'Bayesian', 'bayesian'
  ),
  'esnac': Entry('trials', f'{_TRIALS}.compression.esnac', 'Esnac', 'esnac'),
  'pnas': Entry('trials', f'{_TRIALS}.learnt.pnas', 'Pnas', 'pnas'),
  'reinforce': Entry(
    'trials', f'{_TRIALS}.learnt.reinforce', 'Reinforce', 'reinforce'
  ),
  'graph_hypernetwork': Entry(
    'trials',
    f'{_TRIALS}.learnt.graph_hypernetwork',
    'GraphHypernetwork',
    'graph_hypernetwork',
  ),
}


def names(family: str) -> list[str]:
  """Those of a family, a key of `FAMILIES`."""
  return [name for name, entry in STRATEGIES.items() if entry.family == family]


def entry(name: str) -> Entry:
  """Where the strategy of that name is; imports nothing.

  Raises:
    UserError: If there is none; the message lists the names.
  """
  if name not in STRATEGIES:
    raise errors.UserError(
      f'search.strategy is {name!r}; known are {", ".join(STRATEGIES)}.'
    )
  return STRATEGIES[name]


def is_by_trials(name: str) -> bool:
  """Whether a strategy trains networks of their own.

  Raises:
    UserError: If there is none of that name.
  """
  return entry(name).family == 'trials'


def settings(config: Any) -> Any:
  """The section of a `Config` that is its chosen strategy's own.

  Raises:
    UserError: If there is no strategy of that name.
  """
  return getattr(config, entry(config.search.strategy).section)


def load(name: str) -> Any:
  """The class of a strategy.

  Raises:
    UserError: If there is none of that name.
  """
  found = entry(name)
  return getattr(importlib.import_module(found.module), found.name)


def load_family(name: str) -> Any:
  """The module that runs the family of a strategy.

  Raises:
    UserError: If there is no strategy of that name.
  """
  return importlib.import_module(FAMILIES[entry(name).family])

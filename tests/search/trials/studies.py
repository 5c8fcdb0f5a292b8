"""Spaces, histories and made-up losses of tests; no TensorFlow."""

import numpy as np

from benchmarks import landscapes, races
from deeplab_nas.config import search as config_search
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import (
  local_search,
  optuna_samplers,
  random,
  regularized_evolution,
  strategy,
)
from deeplab_nas.search.trials.compression import esnac
from deeplab_nas.search.trials.lamarckian import lemonade
from deeplab_nas.search.trials.learnt import (
  bayesian,
  graph_hypernetwork,
  halving,
  pnas,
  reinforce,
)
from deeplab_nas.space import cell_space, lattice, primitives, search_space

DARTS = primitives.PRIMITIVES
# 40 architectures.
TINY = search_space.SearchSpace(
  cell_space.CellSpace(1, DARTS[3:5]), lattice.Lattice(3)
)
# 150,984 of them, as in a table that strategies are developed against.
MIDDLE = search_space.SearchSpace(
  cell_space.CellSpace(2, DARTS[3:7]), lattice.Lattice(6)
)
PAPER = search_space.SearchSpace()

FULL = strategy.Fidelity(400)
FIDELITIES = (strategy.Fidelity(100, 0.5), strategy.Fidelity(200), FULL)

# Every strategy with settings that let it learn within few trials.
STRATEGIES = {
  'random': (random.Random, config_search.SearchConfig()),
  'local_search': (
    local_search.LocalSearch,
    config_strategies.LocalSearchConfig(num_initial=4),
  ),
  'regularized_evolution': (
    regularized_evolution.RegularizedEvolution,
    config_strategies.RegularizedEvolutionConfig(8, 4),
  ),
  'nsga2': (optuna_samplers.Nsga2, config_strategies.Nsga2Config(6)),
  'lemonade': (
    lemonade.Lemonade,
    config_strategies.LemonadeConfig(6),
  ),
  'halving': (
    halving.Halving,
    config_strategies.HalvingConfig(2.0, num_initial=4, pool_size=10),
  ),
  'bayesian': (
    bayesian.Bayesian,
    config_strategies.BayesianConfig(
      num_initial=5, pool_size=6, num_generations=1
    ),
  ),
  'esnac': (
    esnac.Esnac,
    config_strategies.EsnacConfig(
      num_initial=5,
      pool_size=4,
      num_generations=1,
      num_kernels=2,
      kernel_steps=3,
    ),
  ),
  'pnas': (
    pnas.Pnas,
    config_strategies.PnasConfig(8, 6, pool_size=200, predictor='mlp'),
  ),
  'reinforce': (
    reinforce.Reinforce,
    config_strategies.ReinforceConfig(),
  ),
  'graph_hypernetwork': (
    graph_hypernetwork.GraphHypernetwork,
    config_strategies.GraphHypernetworkConfig(num_candidates=6, num_random=2),
  ),
  'tpe': (optuna_samplers.Tpe, config_strategies.TpeConfig(6)),
}


def build(name, study):
  """A strategy with its settings for few trials."""
  cls, settings = STRATEGIES[name]
  return cls(study, settings)


def trial(number, genotype, loss=None, fidelity=FULL, **values):
  """One with a cross-entropy; without one it is pending, or has failed."""
  scores = None if loss is None else {'cross_entropy': loss}
  proposal = strategy.Proposal(genotype, fidelity, values.pop('parent', None))
  return strategy.Trial(number, proposal, number, scores, 1.0, **values)


def genotypes(space, count, seed=0):
  """So many random architectures, all different."""
  rng, found = np.random.default_rng(seed), {}
  while len(found) < count:
    found.setdefault(space.random(rng))
  return list(found)


def task(space, kind='target', seed=0, fidelities=(FULL,), **values):
  """A landscape as a task; all fidelities see the same loss."""
  losses = [landscapes.KINDS[kind](space, seed)] * len(fidelities)
  study = strategy.Study(space, fidelities, **values)
  return races.Task(study, losses)

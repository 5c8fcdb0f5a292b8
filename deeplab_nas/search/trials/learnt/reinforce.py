"""Reinforcement learning of a controller that draws architectures.

Reference:
  Zoph and Le, Neural architecture search with reinforcement learning, Sec. 3.2,
  https://arxiv.org/abs/1611.01578
  Zoph et al., Learning transferable architectures, Appendix A,
  https://arxiv.org/abs/1707.07012, which updates by PPO
  Schulman et al., Proximal policy optimization, Eq. (7),
  https://arxiv.org/abs/1707.06347
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import fresh, history, strategy
from deeplab_nas.search.trials.learnt import beliefs, recurrent
from deeplab_nas.search.trials.learnt import controller as controller_lib
from deeplab_nas.space import genotype as genotype_lib

# Draws until one that was not tried is made of the last one.
_DRAWS = 20
# Of PPO: passes over a batch, our choice, and epsilon of Eq. (7), the paper's.
_PASSES = 4
_CLIP = 0.2


class _Learnt(NamedTuple):
  """What some batches of children have taught.

  Attributes:
    adam: With the weights of the controller; not to be changed.
    baseline: Moving average of the rewards; None before the first batch.
  """

  adam: recurrent.Adam
  baseline: float | None = None


class Reinforce(history.ByScores):
  """A controller RNN, updated after each batch of children.

  An update ascends mean((R - b) log p), Sec. 3.2, with b a moving average of
  earlier rewards, and a bonus for entropy; with `update=ppo` several times the
  clipped objective, Eq. (7) of Schulman et al., as NASNet does. R is the first
  objective, with the sign that more is better, less the mean of all so far, in
  their standard deviations; a failed trial has the worst R of them.

  Differs from the papers:
  - R is standardised, where theirs are accuracies, cubed in NAS: an objective
    here has any unit.
  - No architecture is tried twice: what is known or beyond the budget is drawn
    again, and in the end mutated. The update takes no account of that.
  - A batch whose trials are pending teaches later; draws go on meanwhile, as
    NAS' asynchronous replicas do. PPO's ratios are to the controller before
    the update, not to those that drew.
  - One layer of units, as in NASNet (NAS has two), and a much larger learning
    rate: a study has dozens of trials, not 12,800.
  """

  def __init__(
    self, study: strategy.Study, settings: config_strategies.ReinforceConfig
  ):
    self.study = study
    self.settings = settings
    self._controller = controller_lib.Controller(
      study.space, settings.num_units
    )
    weights = self._controller.initial(np.random.default_rng(0))
    self._start = _Learnt(recurrent.Adam(weights, settings.learning_rate))
    self._memory: list[tuple[tuple, _Learnt]] = []

  def propose(
    self, trials: Sequence[strategy.Trial], rng: np.random.Generator
  ) -> strategy.Proposal:
    """See `strategy.TrialStrategy`."""
    full = self.study.full
    tried = history.tried(trials, full)
    learnt = self._learnt(trials)
    is_random = learnt.baseline is None
    for _ in range(_DRAWS):
      genotype = self._controller.sample(learnt.adam.weights, rng)
      if genotype not in tried and self.study.is_within(genotype):
        return strategy.Proposal(genotype, full, None, is_random)
    child = fresh.mutant(self.study, genotype, tried, rng)
    return strategy.Proposal(child, full, None, is_random)

  def _learnt(self, trials: Sequence[strategy.Trial]) -> _Learnt:
    """After all batches before the first that has a pending trial.

    What it was after each batch is remembered with these batches.
    """
    size = self.settings.num_children
    rows = [t for t in trials if t.fidelity == self.study.full]
    losses = np.array([self.study.loss(trial) for trial in rows])
    found = self._start
    for index in range(len(rows) // size):
      end = (index + 1) * size
      batch = rows[end - size : end]
      if any(trial.is_pending for trial in batch):
        break
      key = tuple(t.genotype for t in rows[:end]), losses[:end].tobytes()
      if index < len(self._memory) and self._memory[index][0] == key:
        found = self._memory[index][1]
        continue
      found = self._updated(found, batch, losses[:end])
      self._memory[index:] = [(key, found)]
    return found

  def _updated(
    self,
    before: _Learnt,
    batch: Sequence[strategy.Trial],
    losses: np.ndarray,
  ) -> _Learnt:
    """After a batch, the losses of which are the last ones."""
    finite = losses[np.isfinite(losses)]
    if not len(finite):
      return before
    losses = np.where(np.isfinite(losses), losses, finite.max())
    losses = beliefs.tamed(losses)
    rewards = (losses.mean() - losses[-len(batch) :]) / (losses.std() or 1.0)
    baseline = rewards.mean() if before.baseline is None else before.baseline
    adam = copy.deepcopy(before.adam)
    self._ascend(adam, [t.genotype for t in batch], rewards - baseline)
    decay = self.settings.baseline_decay
    return _Learnt(adam, decay * baseline + (1 - decay) * rewards.mean())

  def _ascend(
    self,
    adam: recurrent.Adam,
    genotypes: Sequence[genotype_lib.Genotype],
    advantages: np.ndarray,
  ) -> None:
    is_ppo = self.settings.update == 'ppo'
    old = None
    for _ in range(_PASSES if is_ppo else 1):
      log_probs, passed = self._controller.log_prob(adam.weights, genotypes)
      old = log_probs if old is None else old
      slopes = clipped(advantages, np.exp(log_probs - old))
      gradient = self._controller.gradient(
        adam.weights, passed, slopes, self.settings.entropy_weight
      )
      adam.update({name: -value for name, value in gradient.items()})


def clipped(advantages: np.ndarray, ratios: np.ndarray) -> np.ndarray:
  """Slope of PPO's objective by log-probabilities, from Eq. (7); [N].

  Where the ratio of new to old probability is 1 it is the advantage.
  """
  is_far = np.where(advantages > 0, ratios > 1 + _CLIP, ratios < 1 - _CLIP)
  return np.where(is_far, 0, advantages * ratios)

"""What a strategy of this family is: a pure function of the trials so far."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from deeplab_nas.config import search as config_search
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space

# Scores of which more is better; of all others, less is.
LARGER_IS_BETTER = ('miou', 'pixel_accuracy', 'reward')
# Where the weights of a trial come from.
FROM_SCRATCH, HYPERNETWORK = 'from_scratch', 'hypernetwork'


class Fidelity(NamedTuple):
  """How much of the full training a trial is.

  Attributes:
    steps: Steps of the training, at least 1; of the hypernetwork's, where that
      gives the weights.
    image_scale: Of the images that the study's data gives, in (0, 1].
    width: Share of the filter multiplier that the budget allows, in (0, 1].
    evaluator: 'from_scratch' for a training, 'hypernetwork' for weights that
      the study's hypernetwork predicts.
  """

  steps: int
  image_scale: float = 1.0
  width: float = 1.0
  evaluator: str = FROM_SCRATCH

  @property
  def is_trained(self) -> bool:
    """Whether the network is trained, and not scored with other weights."""
    return self.evaluator == FROM_SCRATCH

  @property
  def title(self) -> str:
    """'400 steps', or what gives the weights."""
    return f'{self.steps} steps' if self.is_trained else self.evaluator

  def to_dict(self) -> dict[str, int | float | str]:
    """Fields by name, as JSON; without the evaluator where it trains."""
    fields = self._asdict()
    if self.is_trained:  # as it was before there were others
      del fields['evaluator']
    return fields


class Proposal(NamedTuple):
  """What to train next.

  Attributes:
    genotype: The architecture.
    fidelity: How long, and at which size.
    parent: Number of the trial whose architecture was changed, or None.
    is_random: Whether chance alone chose the architecture, and no trial: such
      ones are the baseline of what a study finds.
    inherits: Whether its training begins with the parent's weights.
  """

  genotype: genotype_lib.Genotype
  fidelity: Fidelity
  parent: int | None = None
  is_random: bool = False
  inherits: bool = False


class Trial(NamedTuple):
  """A proposal with its seed, and what came of it.

  Attributes:
    number: 0, 1, ... in the order of the proposals.
    proposal: What is trained.
    seed: Of weights, data order and augmentation.
    scores: 'cross_entropy', 'miou', ... by name; None while it runs, and of one
      that failed.
    seconds: Of the trial, wall clock; 0 while it runs.
    failure: Why there are no scores: 'nan', 'out of memory', ...; None if there
      are, or while it runs.
  """

  number: int
  proposal: Proposal
  seed: int
  scores: Mapping[str, float] | None = None
  seconds: float = 0.0
  failure: str | None = None

  @property
  def genotype(self) -> genotype_lib.Genotype:
    return self.proposal.genotype

  @property
  def fidelity(self) -> Fidelity:
    return self.proposal.fidelity

  @property
  def is_pending(self) -> bool:
    return self.scores is None and self.failure is None


@dataclasses.dataclass(frozen=True)
class Study:
  """What a strategy knows of the task, besides the trials.

  Attributes:
    space: Where genotypes come from.
    fidelities: Of trials, from the shortest to the full one.
    objectives: Names of scores; the first one decides where one must.
    is_within: Whether a genotype can be built within the hard budget.
    start: The network that is compressed, an element of the space; None in all
      other studies.
    costs: Scores of a genotype within the budget that need no training, by
      name.
  """

  space: search_space.SearchSpace
  fidelities: tuple[Fidelity, ...]
  objectives: tuple[str, ...] = ('cross_entropy',)
  is_within: Callable[[genotype_lib.Genotype], bool] = lambda genotype: True
  start: genotype_lib.Genotype | None = None
  costs: Callable[[genotype_lib.Genotype], Mapping[str, float]] = (
    lambda genotype: {}
  )

  @property
  def full(self) -> Fidelity:
    """Of a trial that counts."""
    return self.fidelities[-1]

  def losses(self, trial: Trial) -> tuple[float, ...]:
    """The objectives of a trial, each such that less is better.

    Infinite where the trial failed or is pending.
    """
    if trial.scores is None:
      return (math.inf,) * len(self.objectives)
    return tuple(
      -trial.scores[name] if name in LARGER_IS_BETTER else trial.scores[name]
      for name in self.objectives
    )

  def loss(self, trial: Trial) -> float:
    """The first objective, such that less is better."""
    return self.losses(trial)[0]


class TrialStrategy(Protocol):
  """Proposes architectures; its only state is the history that it is given.

  Its constructor takes (study, settings), the settings being its own section of
  the configuration. What it learns (a controller, a predictor) it learns again
  from the history, or keeps under the number of trials that it has seen.

  Attributes:
    inherits: Whether trials may begin with the weights of others.
  """

  inherits: ClassVar[bool] = False

  @classmethod
  def fidelities(
    cls, search: config_search.SearchConfig, settings: Any
  ) -> tuple[Fidelity, ...]:
    """Those of a study: by default the longest one of `search.trial_steps`."""
    del settings
    return (Fidelity(search.trial_steps[-1]),)

  def propose(
    self, trials: Sequence[Trial], rng: np.random.Generator
  ) -> Proposal:
    """The next proposal.

    Args:
      trials: All so far, in the order of their numbers; the last ones may be
        pending, of which only the proposal may be used.
      rng: Seeded by the study's seed and the number of the trial.
    """

  def best(self, trials: Sequence[Trial]) -> Sequence[genotype_lib.Genotype]:
    """One architecture or a Pareto front, the best one first; [] of nothing."""

  def possible_parents(self, trials: Sequence[Trial]) -> Collection[int]:
    """Numbers of those whose weights the next proposal may want.

    One that has scores and is not among them never is again, however many
    trials follow.
    """
    return ()

  def remarks(self, trials: Sequence[Trial]) -> Sequence[str]:
    """Sentences for the summary on what the trials say of the method itself."""
    return ()

"""Settings that one strategy alone has: a section for each, named as it is.

Of these, a config shows the section of `search.strategy` alone, and takes no
other from --set. A file may hold more of them, for the day the strategy is
another one.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from deeplab_nas import checked_fields, errors
from deeplab_nas.config import relaxed_strategies

_field = checked_fields.field


@dataclasses.dataclass(frozen=True)
class LocalSearchConfig(checked_fields.Section):
  """Settings of `local_search`.

  Attributes:
    num_initial: Random architectures before each climb, which starts at the
      best of them; 10 in the authors' code.
  """

  NAME: ClassVar[str] = 'local_search'

  num_initial: int = _field(10, int, low=1)


@dataclasses.dataclass(frozen=True)
class RegularizedEvolutionConfig(checked_fields.Section):
  """Settings of `regularized_evolution`.

  Attributes:
    population_size: P, architectures that live; the first P are random. 100 in
      the paper, for 20,000 trials; 30 is for hundreds.
    sample_size: S, architectures of which the best becomes a parent; 25 in the
      paper.
  """

  NAME: ClassVar[str] = 'regularized_evolution'

  population_size: int = _field(30, int, low=2)
  sample_size: int = _field(10, int, low=1)

  def __post_init__(self):
    super().__post_init__()
    self.require_at_most('sample_size', 'population_size')


@dataclasses.dataclass(frozen=True)
class Nsga2Config(checked_fields.Section):
  """Settings of `nsga2`.

  Attributes:
    population_size: Architectures of a generation. 100 in the paper; 10 is for
      a hundred trials.
    crossover_probability: That a child has two parents; 0.9 in the paper.
    swapping_probability: Of uniform crossover, that a parameter is the second
      parent's.
    mutation_probability: That a parameter is drawn anew; null for one
      parameter in the mean, as in the paper.
  """

  NAME: ClassVar[str] = 'nsga2'

  population_size: int = _field(10, int, low=2)
  crossover_probability: float = _field(0.9, float, low=0, high=1)
  swapping_probability: float = _field(0.5, float, low=0, high=1)
  mutation_probability: float | None = _field(
    None, float, low=0, high=1, optional=True
  )


@dataclasses.dataclass(frozen=True)
class LemonadeConfig(checked_fields.Section):
  """Settings of `lemonade`; the numbers of the paper are for weeks.

  Attributes:
    num_initial: Random architectures before the front has children; 4 in the
      paper, by hand.
    num_children: Of these one is accepted and trained; 4 times as many as are
      accepted is a reproduction's choice.
    bandwidth: Of the kernel density of the logarithms of the costs; a
      reproduction's.
    distil_steps: In which a child whose morphism is approximate learns to
      answer as its parent, before its trial's own steps; 5 epochs in a
      reproduction.
  """

  NAME: ClassVar[str] = 'lemonade'

  num_initial: int = _field(8, int, low=1)
  num_children: int = _field(4, int, low=1)
  bandwidth: float = _field(0.2, float, above=0)
  distil_steps: int = _field(40, int, low=0)


@dataclasses.dataclass(frozen=True)
class TpeConfig(checked_fields.Section):
  """Settings of `tpe`; the defaults are Optuna's, but for the last.

  Attributes:
    num_startup: Random architectures before the densities decide.
    num_candidates: Draws from the density of the good ones, of which the one of
      the largest ratio of densities is taken.
    multivariate: Whether the densities are of all parameters together, without
      which it was no better than random on made-up losses.
  """

  NAME: ClassVar[str] = 'tpe'

  num_startup: int = _field(10, int, low=1)
  num_candidates: int = _field(24, int, low=1)
  multivariate: bool = _field(True, bool)


@dataclasses.dataclass(frozen=True)
class HalvingConfig(checked_fields.Section):
  """Settings of `halving`.

  Attributes:
    reduction: Of so many architectures one goes on to the next fidelity; 3 or 4
      in the paper.
    num_initial: Random architectures before the model chooses; each gets a
      trial of every length.
    pool_size: Random and mutated architectures of which, and of those of the
      zoo, the model chooses one.
    trust: The correlation with full trials below which shorter ones are given
      up; -1 to use them unseen, as in the paper.
  """

  NAME: ClassVar[str] = 'halving'

  reduction: float = _field(5.0, float, above=1)
  num_initial: int = _field(8, int, low=1)
  pool_size: int = _field(20, int, low=2)
  trust: float = _field(0.7, float, low=-1, high=1)


@dataclasses.dataclass(frozen=True)
class BayesianConfig(checked_fields.Section):
  """Settings of `bayesian`; no publication has tuned them for this space.

  Attributes:
    num_initial: Random architectures before the process chooses; 10 in BANANAS.
    encoding: What the kernel compares: 'features', shares and counts of levels,
      primitives and sources, or 'paths', the ways through the cell.
    pool_size: Architectures of a generation that maximises expected
      improvement.
    num_generations: Of these, for each proposal.
    kernel: 'matern' on the `encoding`, or 'esnac' for embeddings that it
      learns, with which it takes no encoding.
    num_kernels: Of 'esnac', how many take turns; 8 in the authors' code.
    kernel_steps: Of 'esnac', of the training of each; 100 at most in the
      authors' code.
  """

  NAME: ClassVar[str] = 'bayesian'

  num_initial: int = _field(10, int, low=1)
  encoding: str = _field('features', str, choices=('features', 'paths'))
  pool_size: int = _field(20, int, low=1)
  num_generations: int = _field(3, int, low=0)
  kernel: str = _field('matern', str, choices=('matern', 'esnac'))
  num_kernels: int = _field(8, int, low=1)
  kernel_steps: int = _field(100, int, low=1)

  def __post_init__(self):
    super().__post_init__()
    fields = {field.name: field for field in dataclasses.fields(self)}
    of = {'encoding': 'matern', 'num_kernels': 'esnac', 'kernel_steps': 'esnac'}
    for name, kernel in of.items():
      errors.require(
        self.kernel == kernel or getattr(self, name) == fields[name].default,
        f'{self.NAME}.{name} is of {self.NAME}.kernel={kernel}, but that is'
        f' {self.kernel}: leave it out.',
      )


@dataclasses.dataclass(frozen=True)
class EsnacConfig(BayesianConfig):
  """Settings of `esnac`: those of `bayesian`, with its kernel, and two more.

  Attributes:
    share: The most that a student may cost of what its teacher, the network of
      `train.init_from`, does, by `search.trial_measure`.
    narrow_stem_and_head: Whether students have fewer filters there than the
      teacher, all alike: as many eighths as the share asks for.
  """

  NAME: ClassVar[str] = 'esnac'

  kernel: str = _field('esnac', str, choices=('matern', 'esnac'))
  share: float = _field(0.5, float, above=0, below=1)
  narrow_stem_and_head: bool = _field(True, bool)


@dataclasses.dataclass(frozen=True)
class PnasConfig(checked_fields.Section):
  """Settings of `pnas`; those of the paper are for a thousand trials.

  Attributes:
    num_initial: Architectures of the first round; all 136 in the paper.
    beam_size: K, architectures of each further round, and how many of the best
      are extended.
    pool_size: Extensions that the predictor looks at in a round, at the most.
    predictor: 'lstm', 'mlp' or 'both', five of each.
  """

  NAME: ClassVar[str] = 'pnas'

  num_initial: int = _field(16, int, low=1)
  beam_size: int = _field(8, int, low=1)
  pool_size: int = _field(1000, int, low=1)
  predictor: str = _field('both', str, choices=('lstm', 'mlp', 'both'))


@dataclasses.dataclass(frozen=True)
class ReinforceConfig(checked_fields.Section):
  """Settings of `reinforce`; those of the papers are for 10,000s of trials.

  Attributes:
    update: 'reinforce' as in NAS, or 'ppo' as in NASNet.
    num_children: Trials of an update; 8 of each of 100 replicas in NAS, 20 in
      NASNet.
    num_units: Of the controller; 35 in two layers in NAS, 100 in NASNet.
    learning_rate: Adam's; 6e-4 in NAS, 3.5e-4 in NASNet.
    entropy_weight: Of the bonus; 1e-5 in NASNet.
    baseline_decay: Of the moving average of rewards; .95 in NASNet.
  """

  NAME: ClassVar[str] = 'reinforce'

  update: str = _field('reinforce', str, choices=('reinforce', 'ppo'))
  num_children: int = _field(4, int, low=1)
  num_units: int = _field(32, int, low=1)
  learning_rate: float = _field(0.05, float, above=0)
  entropy_weight: float = _field(0.01, float, low=0)
  baseline_decay: float = _field(0.8, float, low=0, below=1)


@dataclasses.dataclass(frozen=True)
class GraphHypernetworkConfig(checked_fields.Section):
  """Settings of `graph_hypernetwork`.

  Attributes:
    num_candidates: Random architectures that the hypernetwork scores; 1000 in
      the paper, of which 10 are trained.
    num_random: Of these, how many are trained whatever their score: the
      baseline of those that it chose.
    steps: Of the hypernetwork's training, each on one random architecture.
    learning_rate: Adam's, at the start of a cosine; 1e-3 in the authors' later
      code, for 300 epochs.
    num_units: Of a node's state and of messages; 32 in the paper.
    num_hidden: Of the layer that predicts kernels; 64 in the paper.
    num_sweeps: T, forward and backward over a cell; 5 in the paper.
  """

  NAME: ClassVar[str] = 'graph_hypernetwork'

  num_candidates: int = _field(100, int, low=1)
  num_random: int = _field(4, int, low=0)
  steps: int = _field(1000, int, low=1)
  learning_rate: float = _field(3e-3, float, above=0)
  num_units: int = _field(32, int, low=1)
  num_hidden: int = _field(64, int, low=1)
  num_sweeps: int = _field(5, int, low=1)


_TRIALS = {
  section.NAME: section
  for section in (
    LocalSearchConfig,
    RegularizedEvolutionConfig,
    Nsga2Config,
    LemonadeConfig,
    TpeConfig,
    HalvingConfig,
    BayesianConfig,
    EsnacConfig,
    PnasConfig,
    ReinforceConfig,
    GraphHypernetworkConfig,
  )
}
# By the name of the strategy.
SECTIONS = {**relaxed_strategies.SECTIONS, **_TRIALS}
# Those that train networks of their own: each of them but one has a section.
BY_TRIALS = ('random', *_TRIALS)

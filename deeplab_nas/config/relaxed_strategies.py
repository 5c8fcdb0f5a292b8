"""Settings that one strategy on shared weights alone has.

What such strategies have in common, such as the rate of alpha and beta, is in
the section `search`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from deeplab_nas import checked_fields

_field = checked_fields.field


@dataclasses.dataclass(frozen=True)
class SecondOrderConfig(checked_fields.Section):
  """Settings of `second_order`.

  Attributes:
    perturbation: Length of the step over which the finite difference is taken;
      0.01 in the paper, footnote 2.
  """

  NAME: ClassVar[str] = 'second_order'

  perturbation: float = _field(0.01, float, above=0)


@dataclasses.dataclass(frozen=True)
class _Annealed(checked_fields.Section):
  """A temperature that falls from the first to the last step, in a line."""

  def __post_init__(self):
    super().__post_init__()
    self.require_at_most('end_temperature', 'temperature')


@dataclasses.dataclass(frozen=True)
class SnasConfig(_Annealed):
  """Settings of `snas`; the defaults are those of the authors' code.

  Attributes:
    temperature: tau at the first step; it falls in a line.
    end_temperature: tau after the last step.
  """

  NAME: ClassVar[str] = 'snas'

  temperature: float = _field(1.0, float, above=0)
  end_temperature: float = _field(0.03, float, above=0)


@dataclasses.dataclass(frozen=True)
class GdasConfig(_Annealed):
  """Settings of `gdas`; the temperatures are those of the authors' code.

  Attributes:
    temperature: tau at the first step; it falls in a line.
    end_temperature: tau after the last step.
    num_paths: Paths of a step that are compared, with the same operations; our
      own.
  """

  NAME: ClassVar[str] = 'gdas'

  temperature: float = _field(10.0, float, above=0)
  end_temperature: float = _field(0.1, float, above=0)
  num_paths: int = _field(4, int, low=2, high=16)


@dataclasses.dataclass(frozen=True)
class DrnasConfig(checked_fields.Section):
  """Settings of `drnas`.

  Attributes:
    kl_weight: lambda, of the distance from the uniform Dirichlet distribution;
      0.001 in the authors' code.
  """

  NAME: ClassVar[str] = 'drnas'

  kl_weight: float = _field(1e-3, float, low=0)


@dataclasses.dataclass(frozen=True)
class ProxylessConfig(checked_fields.Section):
  """Settings of `proxyless`.

  Attributes:
    gradient: Of alpha: 'two_paths' or 'reinforce', both of the paper, or
      'full', which takes its Eq. (4) for all operations at once.
    baseline_decay: Of the moving average of losses that 'reinforce' subtracts;
      0.99 in the authors' code.
    num_paths: See `gdas`.
  """

  NAME: ClassVar[str] = 'proxyless'

  gradient: str = _field(
    'two_paths', str, choices=('two_paths', 'full', 'reinforce')
  )
  baseline_decay: float = _field(0.99, float, low=0, below=1)
  num_paths: int = _field(4, int, low=2, high=16)


@dataclasses.dataclass(frozen=True)
class EnasConfig(checked_fields.Section):
  """Settings of `enas`; but for the entropy, those of the authors' code.

  Attributes:
    num_children: Children of a step, all on one batch.
    num_units: Of the LSTM.
    tanh_constant: The largest logit of a move or a source.
    learning_rate: Adam's, with a beta1 of 0.
    entropy_weight: Of the bonus, in spreads of the loss for each nat; 1e-4 in
      the authors' code, of accuracy.
    baseline_decay: Of the moving averages.
  """

  NAME: ClassVar[str] = 'enas'

  num_children: int = _field(10, int, low=1)
  num_units: int = _field(64, int, low=1)
  tanh_constant: float = _field(1.1, float, above=0)
  learning_rate: float = _field(3.5e-3, float, above=0)
  entropy_weight: float = _field(1e-2, float, low=0)
  baseline_decay: float = _field(0.99, float, low=0, below=1)


@dataclasses.dataclass(frozen=True)
class PerturbationConfig(checked_fields.Section):
  """Settings of `perturbation`.

  Attributes:
    start: Fraction of the search at which deciding begins.
    tuning: Share of a decision's steps that come before it is measured, for
      the weights to get used to the decision before.
    num_batches: Of half B that a decision is measured on, at most; where there
      are fewer steps for it, so many.
    num_paths: The best paths, that are measured one by one.
  """

  NAME: ClassVar[str] = 'perturbation'

  start: float = _field(0.5, float, low=0, below=1)
  tuning: float = _field(0.5, float, low=0, below=1)
  num_batches: int = _field(20, int, low=1)
  num_paths: int = _field(5, int, low=1)


@dataclasses.dataclass(frozen=True)
class SinglePathConfig(checked_fields.Section):
  """Settings of `single_path`; evolution's are those of the authors' code.

  Attributes:
    sampling: 'strictly_fair', as in FairNAS, or 'uniform', as in Single Path
      One-Shot.
    population_size: Architectures of a generation.
    num_generations: With the first one, which is random.
    num_parents: The best of all so far, of which the next ones are made.
    mutation_probability: Of each choice of a parent.
    recalibration_batches: Of half A, of whole images, over which batch-norm
      statistics are taken for each architecture; 20,000 images in the paper.
    num_images: Of half B, that score each architecture; None for all.
  """

  NAME: ClassVar[str] = 'single_path'

  sampling: str = _field(
    'strictly_fair', str, choices=('strictly_fair', 'uniform')
  )
  population_size: int = _field(50, int, low=1)
  num_generations: int = _field(20, int, low=1)
  num_parents: int = _field(10, int, low=1)
  mutation_probability: float = _field(0.1, float, low=0, high=1)
  recalibration_batches: int = _field(8, int, low=1)
  num_images: int | None = _field(None, int, low=1, optional=True)


# By the name of the strategy.
SECTIONS = {
  section.NAME: section
  for section in (
    SecondOrderConfig,
    SnasConfig,
    GdasConfig,
    DrnasConfig,
    ProxylessConfig,
    EnasConfig,
    PerturbationConfig,
    SinglePathConfig,
  )
}

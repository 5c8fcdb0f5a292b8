"""What a strategy of this family is: it shares the supernet's steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import tensorflow as tf

from deeplab_nas import checked_fields
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search import strategies
from deeplab_nas.space import arch_weights, genotype, search_space

# Images float32 [B, H, W, 3] in [0, 255] and labels int32 [B, H, W].
Batch = tuple[tf.Tensor, tf.Tensor]
Loss = Callable[[Batch, arch_weights.ArchWeights], tf.Tensor]
# Less is better; NaN is worse than any number.
Score = Callable[[genotype.Genotype], float]


class Progress(NamedTuple):
  """Where a search is.

  Attributes:
    step: int64 [], the number of the step, counted from 0. It is in every
      checkpoint, so that what is seeded by it is the same in a resumed search.
    fraction: float32 [], the share of the search that is done, 0 to 1.
  """

  step: tf.Tensor
  fraction: tf.Tensor


class Gradients(NamedTuple):
  """A loss and its gradients.

  Attributes:
    loss: float32 [], this replica's share.
    weights: Of the weights, in the order of `Weights.variables`, summed over
      replicas.
    arch: Of the architecture weights, summed over replicas.
  """

  loss: tf.Tensor
  weights: Sequence[tf.Tensor]
  arch: arch_weights.ArchWeights


class Weights(Protocol):
  """The weights of the supernet, as a strategy may see and shift them.

  Attributes:
    variables: All that a weight step learns.
    learning_rate: float32 [], of the next weight step.
  """

  variables: Sequence[tf.Variable]
  learning_rate: tf.Tensor

  def gradient(self, batch: Batch, arch: arch_weights.ArchWeights) -> Gradients:
    """The loss of a batch and its gradients; nothing changes.

    With the statistics of the batch, as in a weight step, and without decay.
    """

  def shifted(
    self, deltas: Sequence[tf.Tensor], scale: tf.Tensor | float
  ) -> AbstractContextManager[None]:
    """While it is open, the weights are w + scale * delta.

    Afterwards they are what they were, bit for bit.

    Args:
      deltas: One for each of `variables`; the same on all replicas.
      scale: float32 [].
    """


class ArchStep(NamedTuple):
  """What a strategy gets to learn from.

  Attributes:
    train: A batch of half A of the training split, which the last weight step
      has seen.
    val: A batch of half B.
    progress: Of the weight step that went before.
    loss: Gives the scalar loss of a batch under architecture weights; with
      several replicas this one's share, so that the sum is the whole loss. Its
      gradient is that of the architecture weights alone.
    weights: The supernet's.
    alone: `loss` of one-hot weights, without a gradient: no more is computed
      than they ask for, where that can be.
  """

  train: Batch
  val: Batch
  progress: Progress
  loss: Loss
  weights: Weights
  alone: Loss


class RelaxedStrategy(Protocol):
  """Decides which architecture weights the supernet runs with.

  A strategy is a `tf.Module`: what it learns is in its variables, so that a
  checkpoint of the module is all that a resumed search needs. What it draws
  depends on its seed and on the progress alone. Its constructor takes (space,
  config, seed) and, if it has a section of settings, that.
  """

  def sample(self, progress: Progress) -> arch_weights.ArchWeights:
    """The weights of a weight step; called inside the compiled step.

    The same on all replicas.
    """

  def mode(self) -> arch_weights.ArchWeights:
    """What the strategy stands at, without randomness.

    For validation, pictures, and to read the architecture off; constant between
    updates.
    """

  def update(self, step: ArchStep) -> tf.Tensor:
    """Learns from one step, and nothing else changes.

    Compiled without AutoGraph: a condition on a tensor is a tf.cond. Gradients
    come from tapes of its own; see `graph_ops.recorded`.

    Returns:
      The scalar loss of half B, this replica's share; NaN if it or a gradient
      is not finite, and then nothing was learnt from the batches.
    """

  def genotype(self) -> genotype.Genotype:
    """The architecture that the search stands at."""


class ByPaths(RelaxedStrategy, Protocol):
  """What a strategy has besides whose samples are a path and few operations.

  With it, a weight step computes and moves no more than that; see
  `train.weight_steps.SampledStep`.

  Attributes:
    ops_per_edge: The most operations that a sample weighs on one edge of the
      cell. All others, and all transitions but those of a path, are exactly 0.
    compares_paths: Whether `update` asks `ArchStep.loss` for such weights too,
      and for no gradient. Then it computes no more than they weigh either;
      False where it is not there.
  """

  ops_per_edge: int
  compares_paths: bool


class Uneven(RelaxedStrategy, Protocol):
  """What a strategy has besides whose later steps take longer."""

  def mean_cost(self, num_steps: int) -> float:
    """What its steps take in the mean, by what the first ones do.

    Args:
      num_steps: Of the weights, in the whole search.
    """


class Concluding(RelaxedStrategy, Protocol):
  """What a strategy has besides that decides when the weights are trained.

  Attributes:
    num_scored: The most architectures that it asks a score of.
  """

  num_scored: int

  def conclude(self, score: Score) -> Mapping[genotype.Genotype, float]:
    """Decides: what it found becomes the mode.

    A function of the seed and of the scores alone, so that one that was killed
    goes on by the scores it had.

    Args:
      score: The loss of an architecture under the weights as they are, with
        batch-norm statistics of its own.

    Returns:
      Every score, the best one first.
    """


class ByGradients(RelaxedStrategy, Protocol):
  """What a strategy that descends gradients has besides.

  With it, a search measures whether it learns more than noise; without, it runs
  and says that this was not measured.

  Attributes:
    learnt: Its logits by name, in the order of their gradients: 'alpha' [E, K],
      'beta' [L, S, 3] and, with partial channels, 'gamma' [E].
    optimizer: What moves them, element by element.
    on_gradients: None, or to be called in every update with the gradients of
      the loss alone: summed over replicas, zeros where the step was refused;
      and, where there is a budget, with those of the costs.

  Where decoding reads something else than a softmax of alpha and of beta, it
  also has `to_logits`, see `arch_evidence.Readings`.
  """

  learnt: Mapping[str, tf.Variable]
  optimizer: tf.keras.optimizers.Optimizer
  on_gradients: Callable[..., None] | None

  def regularized(
    self, gradients: Sequence[tf.Tensor], variables: Sequence[tf.Tensor]
  ) -> list[tf.Tensor]:
    """The gradients with those of what does not depend on batches.

    Args:
      gradients: Of the loss, in the order of `learnt`.
      variables: Where they are taken, such as `learnt`; more axes may come
        first, of several searches side by side.
    """


def build(
  space: search_space.SearchSpace,
  config: config_lib.SearchConfig,
  seed: int,
  settings: checked_fields.Section | None = None,
) -> RelaxedStrategy:
  """The strategy that a configuration names.

  Args:
    space: The search space.
    config: Settings that strategies have in common.
    seed: Of all that it draws.
    settings: The strategy's own section, if it has one; None for its defaults.

  Raises:
    UserError: If no strategy has that name.
  """
  cls = strategies.load(config.strategy)
  section = config_strategies.SECTIONS.get(config.strategy)
  if section is None:
    return cls(space, config, seed)
  return cls(space, config, seed, settings or section())

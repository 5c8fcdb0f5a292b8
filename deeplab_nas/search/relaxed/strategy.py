"""What a strategy of this family is: it shares the supernet's steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.search import strategies
from deeplab_nas.space import arch_weights, genotype, search_space

Batch = tuple[tf.Tensor, tf.Tensor]
Loss = Callable[[Batch, arch_weights.ArchWeights], tf.Tensor]


class SearchStrategy(Protocol):
  """Decides which architecture weights the supernet runs with.

  A strategy is a `tf.Module`: what it learns is in its variables, so that a
  checkpoint of the module is all that a resumed search needs. Its constructor
  takes (space, config, seed).
  """

  def arch_weights(self) -> arch_weights.ArchWeights:
    """The weights to compute with now; called inside the compiled step."""

  def update(self, batch: Batch, loss: Loss) -> tf.Tensor:
    """Learns from one batch of split B and nothing else changes.

    Compiled without AutoGraph: a condition on a tensor is a tf.cond. Gradients
    come from tapes of its own; see `graph_ops.recorded`.

    Args:
      batch: Images float32 [B, H, W, 3] and labels int32 [B, H, W].
      loss: Gives the scalar loss of a batch under architecture weights; with
        several replicas this one's share, so that the sum is the whole loss.

    Returns:
      The scalar loss; NaN if it or a gradient is not finite, and then nothing
      was learnt from the batch.
    """

  def genotype(self) -> genotype.Genotype:
    """The architecture that the search stands at."""


class ByGradients(SearchStrategy, Protocol):
  """What a strategy that descends gradients has besides.

  With it, a search measures whether it learns more than noise; without, it runs
  and says that this was not measured.

  Attributes:
    learnt: Its logits by name, in the order of their gradients: 'alpha' [E, K],
      'beta' [L, S, 3] and, with partial channels, 'gamma' [E].
    optimizer: What moves them, element by element.
    weight_decay: wd of wd/2 |w|^2, whose gradient the optimizer gets as well.
    on_gradients: None, or to be called in every update with the gradients of
      the loss alone: summed over replicas, zeros where the step was refused.
  """

  learnt: Mapping[str, tf.Variable]
  optimizer: tf.keras.optimizers.Optimizer
  weight_decay: float
  on_gradients: Callable[[Sequence[tf.Tensor]], None] | None


def build(
  space: search_space.SearchSpace, config: config_lib.SearchConfig, seed: int
) -> SearchStrategy:
  """The strategy that a configuration names.

  Raises:
    UserError: If no strategy has that name.
  """
  return strategies.load(config.strategy)(space, config, seed)

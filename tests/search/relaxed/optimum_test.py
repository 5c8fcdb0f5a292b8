"""Every strategy finds the one right answer, in nine of ten seeds at least."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import relaxed_strategies
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  lattice,
  primitives,
  search_space,
)
from tests.search.relaxed import toy

NOISE = 0.5
# Where an edge is not wanted, `none` is.
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(
    2, (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)
  ),
  lattice.Lattice(3),
  1,
)
# Its last block has four sources.
THREE_BLOCKS = search_space.SearchSpace(
  cell_space.CellSpace(3, (primitives.SKIP, primitives.SEP_CONV_3X3)),
  lattice.Lattice(2, (4, 8)),
  1,
)
# A fifth of the space's 546 architectures.
SETTINGS = {
  'single_path': relaxed_strategies.SinglePathConfig(
    population_size=10, num_generations=12, num_parents=5
  )
}


def loss_of(target, space):
  """Minus the weight of what the answer has; each batch errs by noise."""
  op, transition = arch_weights.one_hot(target, space)
  if space.cell.primitives[0] is primitives.NONE:
    op[:, 0] = op.sum(-1) == 0

  def loss(batch, arch):
    errors = (
      tf.random.stateless_normal(
        x.shape, tf.stack([tf.cast(batch, tf.int32), part]), stddev=NOISE
      )
      for part, x in enumerate((op, transition))
    )
    return tf.add_n(
      [
        tf.reduce_sum((error - wanted) * x)
        for error, wanted, x in zip(errors, (op, transition), arch)
      ]
    )

  return loss


def mean_loss(loss, space, first, last):
  """Scores by the mean over batches."""

  @tf.function(autograph=False)
  def mean(op, transition):
    arch = arch_weights.ArchWeights(op, transition)
    batches = tf.range(first, last)
    return tf.reduce_mean(
      tf.map_fn(
        lambda batch: loss(batch, arch),
        batches,
        fn_output_signature=tf.float32,
      )
    )

  return lambda found: float(
    mean(*map(tf.constant, arch_weights.one_hot(found, space)))
  )


def state(strategy):
  """All that a search begins with."""
  optimizer = getattr(strategy, 'optimizer', None)
  return [*strategy.variables, *(optimizer.variables if optimizer else [])]


def found(name, space, target, num_steps, seeds):
  """What searches of some seeds end with."""
  settings = SETTINGS.get(name)
  loss = loss_of(target, space)
  built = toy.build(name, space, settings=settings)
  steps = toy.compiled(built, loss, space, num_steps)
  for seed in seeds:
    fresh = toy.build(name, space, seed=seed, settings=settings)
    for variable, value in zip(state(built), state(fresh)):
      variable.assign(value)
    batches = seed * num_steps, (seed + 1) * num_steps
    steps(*batches)
    if hasattr(built, 'conclude'):
      built.seed = seed
      built.conclude(mean_loss(loss, space, *batches))
    yield built.genotype()


@pytest.mark.parametrize('name', toy.RELAXED)
def test_it_finds_the_right_architecture(name):
  target = SPACE.random(np.random.default_rng(1))
  each = list(found(name, SPACE, target, 200, range(10)))
  assert sum(genotype == target for genotype in each) >= 9, each


def test_enas_tells_the_sources_of_a_third_block_apart():
  """Where decisions share all weights, it does in a quarter of the seeds."""
  target = THREE_BLOCKS.random(np.random.default_rng(7))
  each = list(found('enas', THREE_BLOCKS, target, 400, range(5)))
  assert sum(genotype == target for genotype in each) >= 4, each

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

NUM_STEPS = 200
NOISE = 0.5
# Where an edge is not wanted, `none` is.
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(
    2, (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)
  ),
  lattice.Lattice(3),
  1,
)

TARGET = SPACE.random(np.random.default_rng(1))


def loss(batch, arch):
  """Minus the weight of what the answer has; each batch errs by noise."""
  op, transition = arch_weights.one_hot(TARGET, SPACE)
  op[:, 0] = op.sum(-1) == 0
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


# A fifth of the space's 546 architectures.
SETTINGS = {
  'single_path': relaxed_strategies.SinglePathConfig(
    population_size=10, num_generations=12, num_parents=5
  )
}


def mean_loss(first, last):
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
    mean(*map(tf.constant, arch_weights.one_hot(found, SPACE)))
  )


@pytest.mark.parametrize('name', toy.RELAXED)
def test_it_finds_the_right_architecture(name):
  settings = SETTINGS.get(name)
  built = toy.build(name, SPACE, settings=settings)
  steps = toy.compiled(built, loss, SPACE, NUM_STEPS)
  found = []
  for seed in range(10):
    fresh = toy.build(name, SPACE, seed=seed, settings=settings)
    for variable, value in zip(built.variables, fresh.variables):
      variable.assign(value)
    batches = seed * NUM_STEPS, (seed + 1) * NUM_STEPS
    steps(*batches)
    if hasattr(built, 'conclude'):
      built.seed = seed
      built.conclude(mean_loss(*batches))
    found.append(built.genotype())
  assert sum(genotype == TARGET for genotype in found) >= 9, found

"""Every strategy finds the one right answer, in nine of ten seeds at least."""

import numpy as np
import pytest
import tensorflow as tf

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


@pytest.mark.parametrize('name', toy.RELAXED)
def test_it_finds_the_right_architecture(name):
  built = toy.build(name, SPACE)
  steps = toy.compiled(built, loss, SPACE, NUM_STEPS)
  found = []
  for seed in range(10):
    fresh = toy.build(name, SPACE, seed=seed)
    for variable, value in zip(built.variables, fresh.variables):
      variable.assign(value)
    steps(seed * NUM_STEPS, (seed + 1) * NUM_STEPS)
    found.append(built.genotype())
  assert sum(genotype == TARGET for genotype in found) >= 9, found

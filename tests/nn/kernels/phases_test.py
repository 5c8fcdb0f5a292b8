"""The three kinds of passes, and that layers heed each fact by itself."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import node as node_lib
from deeplab_nas.space import cell_space
from tests.nn import random_cell

PHASES = (
  phases.WEIGHT_STEP,
  phases.ARCH_STEP,
  phases.INFERENCE,
  phases.Phase(True, weights_learn=True, statistics_move=False),
  phases.Phase(True, weights_learn=False, statistics_move=True),
)


def test_an_architecture_step_is_a_training_step_that_keeps_the_network():
  assert phases.WEIGHT_STEP == (True, True, True)
  assert phases.ARCH_STEP == (True, False, False)
  assert not phases.INFERENCE.training
  assert not phases.INFERENCE.statistics_move


@pytest.mark.parametrize('fused', [True, False])
@pytest.mark.parametrize('phase', PHASES)
def test_gradients_and_statistics_do_not_depend_on_each_other(phase, fused):
  space = cell_space.CellSpace(1)
  layer = node_lib.Cell(random_cell.shape(space, 2, 2), fused=fused)
  layer.build()
  inputs = random_cell.inputs(np.random.default_rng(0), space, 2)
  with tf.GradientTape() as tape:
    loss = tf.reduce_sum(tf.square(layer(**inputs, phase=phase)))
  gradient = tape.gradient(loss, layer.kernel_vector)
  assert (gradient is not None) == phase.weights_learn
  assert bool(np.any(layer.moving_mean)) == phase.statistics_move

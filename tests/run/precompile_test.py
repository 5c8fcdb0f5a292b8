"""Compiling leaves no trace."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.run import precompile
from tests.train import tiny_training


def test_every_variable_is_as_before():
  model = tiny_training.trainer(ema_decay=0.5)

  def state():
    variables = [*model.network.variables, *model.optimizer.variables]
    variables += [v for metric in model.metrics for v in metric.variables]
    return [np.array(variable) for variable in variables]

  before = state()
  precompile.once(model, tiny_training.batches())
  for old, new in zip(before, state()):
    np.testing.assert_array_equal(old, new)
  compiled = model.train_function
  model.fit(tiny_training.batches(), steps_per_epoch=1, verbose=0)
  assert model.train_function is compiled
  assert int(model.optimizer.iterations) == 1


@pytest.mark.parametrize('is_static', [True, False])
def test_no_batch_is_made_where_the_shapes_are_known(is_static):
  num_made = tf.Variable(0)

  def make(images, labels):
    num_made.assign_add(1)
    return images, labels

  batches = tiny_training.batches().map(make)
  if not is_static:
    batches = batches.unbatch().batch(2)
  precompile.once(tiny_training.trainer(), batches)
  assert (int(num_made) == 0) == is_static

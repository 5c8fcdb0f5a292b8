"""Bad steps change nothing, good ones pass, in real trainings."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.run import step_guard
from tests.search import draw, tiny
from tests.train import tiny_training

NAN, INF = float('nan'), float('inf')


@pytest.mark.parametrize('loss', [1.0, NAN, INF])
@pytest.mark.parametrize('value', [0.5, NAN, -INF])
def test_all_of_loss_and_gradients_counts(loss, value):
  gradients = [tf.constant([1.0, 2.0]), tf.constant([[value]])]
  is_finite = step_guard.all_finite(tf.constant(loss), gradients)
  assert bool(is_finite) == (loss == 1 and value == 0.5)
  for gradient, result in zip(
    gradients, step_guard.zero_unless(is_finite, gradients)
  ):
    expected = gradient if is_finite else tf.zeros_like(gradient)
    np.testing.assert_array_equal(result, expected)


def test_a_loss_alone_may_be_checked():
  assert step_guard.all_finite(tf.constant(1.0), [])
  assert not step_guard.all_finite(tf.constant(NAN), [])


def broken(batch):
  """The batch with one pixel that is not finite."""
  images, labels = batch
  spoilt = np.array(images)
  spoilt[0, 2, 3, 1] = NAN
  return tf.constant(spoilt), labels


def values(variables):
  return [np.array(variable) for variable in variables]


def test_a_bad_step_of_a_training_leaves_everything():
  settings = {'momentum': 0.0, 'weight_decay': 0.0}
  trainer = tiny_training.trainer(keeps_statistics=True, **settings)
  step = tf.function(trainer.train_step)
  step(tiny_training.batch())
  before = values(trainer.network.variables)
  logs = step(broken(tiny_training.batch()))
  assert np.isfinite(logs['loss']) and int(logs['skipped_steps']) == 1
  for variable, value in zip(trainer.network.variables, before):
    if variable is not trainer.network.drop_path_progress:
      np.testing.assert_array_equal(variable, value)
  assert int(step(tiny_training.batch())['skipped_steps']) == 1
  assert any(
    np.any(variable != value)
    for variable, value in zip(trainer.network.trainable_variables, before)
  )


@pytest.mark.usefixtures('plain_graphs')
def test_a_bad_step_of_a_search_is_counted_and_forgotten():
  """Of the weights, and of whichever strategy is drawn."""
  searcher = tiny.searcher(
    keeps_statistics=True,
    weight_decay=0.0,
    strategy=draw.of('bad step').strategy,
    arch_start_epoch=0,
  )
  before = values(searcher.supernet.variables)
  step = tf.function(searcher.train_step)
  step((broken(tiny.batch(0)), tiny.batch(1)))
  num_bad = int(searcher.guard.num_bad)
  assert num_bad > 0
  logs = step((broken(tiny.batch(0)), broken(tiny.batch(1))))
  assert int(logs['skipped_steps']) == num_bad + 2
  for variable, value in zip(searcher.supernet.variables, before):
    np.testing.assert_array_equal(variable, value)
  logs = step((tiny.batch(0), tiny.batch(1)))
  assert int(logs['skipped_steps']) == num_bad + 2
  assert np.isfinite([logs['loss'], logs['arch_loss']]).all()
  assert all(np.isfinite(part).all() for part in searcher.strategy.mode())


def test_a_bad_step_of_the_strategy_is_counted(monkeypatch):
  searcher = tiny.searcher()
  monkeypatch.setattr(searcher.strategy, 'update', lambda *_: tf.constant(NAN))
  searcher.arch_step(tiny.batch(1), tiny.batch(0))
  assert int(searcher.guard.num_bad) == 1
  (arch_loss,) = (m for m in searcher.metrics if m.name == 'arch_loss')
  assert float(arch_loss.result()) == 0

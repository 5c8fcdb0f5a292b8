"""The alternating step: who changes what, and when."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.kernels import conv_gradients, phases
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.search.relaxed import noise_walks
from deeplab_nas.train import losses
from tests.nn import bfloat16
from tests.search import draw, tiny
from tests.search.relaxed import toy


def values(variables):
  return [variable.numpy() for variable in variables]


def changed(before, variables):
  return [np.any(a != b.numpy()) for a, b in zip(before, variables)]


def test_weight_step_changes_only_weights():
  model = tiny.searcher()
  learnt = model.strategy.params.trainable_variables
  arch, weights = values(learnt), values(model.supernet.variables)
  model.weight_step(tiny.batch(0))
  assert not any(changed(arch, learnt))
  assert np.mean(changed(weights, model.supernet.variables)) > 0.9


def test_architecture_step_changes_only_alpha_and_beta():
  model = tiny.searcher()
  learnt = model.strategy.params.trainable_variables
  arch, weights = values(learnt), values(model.supernet.variables)
  slots = values(model.weight_optimizer.variables)
  model.arch_step(tiny.batch(1), tiny.batch(0))
  assert all(changed(arch, learnt))
  assert not any(changed(weights, model.supernet.variables))
  assert not any(changed(slots, model.weight_optimizer.variables))


def test_fit_runs_what_warm_up_compiled_and_undid():
  model = tiny.searcher()
  weights, start = model.get_weights(), int(model.arch_start_step)
  walks = values(model.noise_walks.variables)
  model.warm_up(tiny.batches())
  assert not any(changed(walks, model.noise_walks.variables))
  for before, after in zip(weights, model.get_weights()):
    np.testing.assert_array_equal(before, after)
  for variables in (
    model.weight_optimizer.variables,
    model.strategy.optimizer.variables,
  ):
    for variable in variables:
      if 'learning_rate' not in variable.name:
        np.testing.assert_array_equal(variable, 0)
  assert int(model.arch_start_step) == start

  compiled = model.train_function
  learnt = model.strategy.params.trainable_variables
  before = values(learnt)
  moved = []

  def note(batch, logs):
    moved.append((any(changed(before, learnt)), logs['arch_loss'] > 0))

  model.fit(
    tiny.batches(4),
    epochs=2,  # of two steps; the architecture waits for the second
    steps_per_epoch=2,
    callbacks=[tf.keras.callbacks.LambdaCallback(on_batch_end=note)],
    verbose=0,
  )
  assert moved == [(False, False)] * 2 + [(True, True)] * 2
  assert model.train_function is compiled
  assert compiled.experimental_get_tracing_count() == 1


@pytest.mark.slow
def test_steps_of_a_strategy_are_compiled_and_learn():
  drawn = draw.of('compiled').strategy
  model = tiny.searcher(strategy=drawn, arch_start_epoch=0)
  learnt = model.strategy.variables
  model.warm_up(tiny.batches())
  before = values(learnt), values(model.supernet.trainable_variables)
  history = model.fit(tiny.batches(2), steps_per_epoch=2, verbose=0).history
  assert np.isfinite([history['loss'], history['arch_loss']]).all()
  assert any(changed(before[0], learnt))
  assert any(changed(before[1], model.supernet.trainable_variables))


def twins(name, **settings):
  """A model that computes its samples alone, and one that computes all."""
  models = [tiny.searcher(strategy=name, **settings) for _ in range(2)]
  assert all(model.samples_paths for model in models)
  models[1].samples_paths = False
  return models


# Those that learn without gradients of the weights of a path.
BY_COMPARISON = [
  name
  for name in toy.RELAXED
  if getattr(toy.build(name), 'compares_paths', False)
]


@pytest.mark.slow
@pytest.mark.parametrize('name', BY_COMPARISON)
def test_steps_of_samples_are_those_of_the_whole_supernet(name, monkeypatch):
  """Without decay and momentum, by which the whole one moves all weights."""
  sampled, whole = twins(name, weight_decay=0.0, momentum=0.0)
  before = values(sampled.supernet.trainable_variables)

  def steps(model):
    weight_step, arch_step = map(
      tf.function, (model.weight_step, model.arch_step)
    )
    for number in range(2):
      yield float(weight_step(tiny.batch(number)))
      kept = values(model.supernet.variables)
      yield float(arch_step(None, tiny.batch(10 + number)))
      assert not any(changed(kept, model.supernet.variables))

  expected = list(steps(whole))
  monkeypatch.setattr(supernet_lib.Supernet, '__call__', None)
  found = list(steps(sampled))
  np.testing.assert_allclose(found, expected, rtol=1e-4)
  for ours, theirs in (
    *zip(*(model.supernet.trainable_variables for model in (sampled, whole))),
    *zip(*(model.strategy.variables for model in (sampled, whole))),
  ):
    np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-5)
  assert any(changed(before, sampled.supernet.trainable_variables))


def test_learning_rate_is_a_cosine():
  model = tiny.searcher(learning_rate=0.1, end_learning_rate=0.02)
  rates = [model.learning_rate(step) for step in (0, 4, 8)]  # of 8 steps
  np.testing.assert_allclose(rates, [0.1, 0.06, 0.02], rtol=1e-5)
  logs = model.train_step((tiny.batch(0), tiny.batch(1)))
  np.testing.assert_allclose(logs['learning_rate'], 0.1, rtol=1e-5)


def test_weight_decay_is_part_of_the_gradient():
  still = tiny.searcher(weight_decay=0.0, learning_rate=0.1)
  decaying = tiny.searcher(weight_decay=0.5, learning_rate=0.1)
  decaying.set_weights(still.get_weights())
  before = [w.numpy() for w in still.supernet.trainable_variables]
  for model in (still, decaying):
    model.weight_step(tiny.batch(0))
  for old, a, b in zip(
    before,
    still.supernet.trainable_variables,
    decaying.supernet.trainable_variables,
  ):
    np.testing.assert_allclose(
      a.numpy() - b.numpy(), 0.1 * 0.5 * old, rtol=1e-2, atol=1e-5
    )


def test_loss_is_the_mean_over_valid_pixels():
  model = tiny.searcher()
  images, labels = tiny.batch(0, ignored=20)
  logits = model.predict_logits(images)
  log_probs = np.asarray(tf.nn.log_softmax(logits))
  valid = labels.numpy() != 255
  picked = np.take_along_axis(
    log_probs, np.where(valid, labels, 0)[..., np.newaxis], -1
  )[..., 0]
  logs = model.evaluate(
    tf.data.Dataset.from_tensors((images, labels)), return_dict=True, verbose=0
  )
  np.testing.assert_allclose(logs['loss'], -picked[valid].mean(), rtol=1e-4)
  predicted = logits.numpy().argmax(-1)
  ious = [
    np.sum((predicted == c) & (labels == c) & valid)
    / np.sum(((predicted == c) | (labels == c)) & valid)
    for c in range(tiny.NUM_CLASSES)
  ]
  np.testing.assert_allclose(logs['miou'], np.mean(ious), rtol=1e-5)


def test_both_kinds_of_step_learn_with_the_loss_that_was_asked_for():
  weights = (0.5, 2.0, 1.0)
  model = tiny.searcher(loss='focal+dice', class_weights=weights)
  images, labels = tiny.batch(0, ignored=20)
  asked = losses.build(
    config_lib.SearchConfig(loss='focal+dice'), weights, 255, lambda: 0
  )
  arch_step = functools.partial(model.arch_step, tiny.batch(1))
  for step in (arch_step, model.weight_step):
    logits = model.supernet(images, model.strategy.mode(), phases.ARCH_STEP)
    expected = float(asked(logits, labels))
    plain = float(losses.plain(255)(logits, labels[..., tf.newaxis]))
    assert abs(expected - plain) > 0.01
    assert float(step((images, labels))) == pytest.approx(expected, rel=1e-3)


def test_batch_without_a_valid_pixel_does_no_harm():
  model = tiny.searcher()
  images, labels = tiny.batch(0)
  model.weight_step((images, tf.fill(labels.shape, 255)))
  for weight in model.supernet.trainable_variables:
    assert np.isfinite(weight.numpy()).all()


def test_learns_to_tell_classes_apart():
  model = tiny.searcher(learning_rate=0.2, epochs=40)
  step = model.make_train_function()
  batches = iter(tiny.batches(1).repeat())
  history = []
  for _ in range(40):
    model.reset_metrics()
    history.append(float(step(batches)['loss']))
  assert history[-1] < 0.7 * history[0]


@bfloat16.needed
@pytest.mark.slow
def test_mixed_precision_steps_near_float32():
  """The settings reach the supernet, and both kinds of step."""
  exact = tiny.searcher()
  mixed = tiny.searcher(precision='mixed_bfloat16')
  assert mixed.supernet.precision == 'mixed_bfloat16'
  mixed.set_weights(exact.get_weights())
  for model in (exact, mixed):
    model.loss_values = [
      float(model.weight_step(tiny.batch(0))),
      float(model.arch_step(tiny.batch(0), tiny.batch(1))),
    ]
  np.testing.assert_allclose(mixed.loss_values, exact.loss_values, rtol=0.03)
  assert {v.dtype for v in mixed.strategy.params.variables} == {tf.float32}


def test_a_space_that_this_machine_cannot_learn_is_refused(monkeypatch):
  monkeypatch.setattr(conv_gradients, 'exist', lambda *_, **__: False)
  with pytest.raises(errors.UserError, match='set search.precision=float32'):
    tiny.searcher(precision='mixed_bfloat16')


def test_every_step_on_the_architecture_is_evidence():
  model = tiny.searcher(passes=noise_walks.Passes(8, 2))
  assert model.arch_state().evidence is None
  for seed in range(3):
    model.train_step((tiny.batch(seed), tiny.batch(10 + seed)))
  evidence = model.arch_state().evidence
  assert evidence.num_steps == 1  # the two of the first epoch are without
  assert set(evidence.drifts) == {'alpha', 'beta'}
  for seed in range(3):
    model.train_step((tiny.batch(seed), tiny.batch(10 + seed)))
  state = model.arch_state()
  assert state.evidence.num_steps == 4
  assert -1 <= state.evidence.halves['alpha'].value <= 1
  numbers = state.numbers()
  assert numbers['alpha_signal'] == state.evidence.drifts['alpha'].signal
  assert 'layers_decided' in numbers


def test_the_architecture_state_is_that_of_the_strategy(finished):
  state = finished.searcher.arch_state()
  strategy = finished.searcher.strategy
  assert state.space is finished.searcher.space
  assert state.genotype == strategy.genotype()
  assert all(isinstance(part, np.ndarray) for part in state.weights)
  np.testing.assert_array_equal(state.weights.op, strategy.mode().op)
  np.testing.assert_allclose(state.weights.op.sum(-1), 1, rtol=1e-6)

"""The LSTM of NumPy, held against Keras' and against differences."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.search.trials.learnt import recurrent

RNG = np.random.default_rng(0)
STEPS, COUNT, INPUTS, UNITS = 5, 3, 4, 6


def draw(*leading):
  weights = recurrent.initial(INPUTS, UNITS, RNG, 0.8)
  weights = {
    name: RNG.normal(size=(*leading, *value.shape)) * 0.5
    for name, value in weights.items()
  }
  return weights, RNG.normal(size=(*leading, STEPS, COUNT, INPUTS))


def test_outputs_and_gradients_are_those_of_keras():
  weights, inputs = draw()
  layer = tf.keras.layers.LSTM(UNITS, return_sequences=True, dtype='float64')
  by_outputs = RNG.normal(size=(STEPS, COUNT, UNITS))
  batch = tf.constant(np.swapaxes(inputs, 0, 1))
  layer.build(batch.shape)
  kernel = weights['kernel']
  layer.set_weights([kernel[:INPUTS], kernel[INPUTS:], weights['bias']])
  with tf.GradientTape() as tape:
    tape.watch(batch)
    expected = layer(batch)
    total = tf.reduce_sum(expected * tf.constant(np.swapaxes(by_outputs, 0, 1)))
  by_kernel, by_recurrent, by_bias, by_batch = tape.gradient(
    total, [*layer.trainable_variables, batch]
  )
  outputs, steps = recurrent.run(weights, inputs)
  found, by_inputs = recurrent.gradients(weights, steps, by_outputs)
  for ours, theirs in (
    (outputs, np.swapaxes(expected.numpy(), 0, 1)),
    (
      found['kernel'],
      np.concatenate([by_kernel.numpy(), by_recurrent.numpy()]),
    ),
    (found['bias'], by_bias),
    (by_inputs, np.swapaxes(by_batch.numpy(), 0, 1)),
  ):
    np.testing.assert_allclose(ours, theirs, atol=1e-9)


def test_networks_side_by_side_are_as_each_alone():
  weights, inputs = draw(2)
  by_outputs = RNG.normal(size=(2, STEPS, COUNT, UNITS))
  outputs, steps = recurrent.run(weights, inputs)
  found, by_inputs = recurrent.gradients(weights, steps, by_outputs)
  for i in range(2):
    own = {name: value[i] for name, value in weights.items()}
    alone, own_steps = recurrent.run(own, inputs[i])
    of_own, by_own = recurrent.gradients(own, own_steps, by_outputs[i])
    np.testing.assert_allclose(outputs[i], alone)
    np.testing.assert_allclose(by_inputs[i], by_own)
    for name in found:
      np.testing.assert_allclose(found[name][i], of_own[name])


def test_forget_gates_start_open_and_weights_small():
  weights = recurrent.initial(INPUTS, UNITS, RNG, 0.1)
  assert np.abs(weights['kernel']).max() == pytest.approx(0.1, rel=0.1)
  assert (weights['bias'].reshape(4, UNITS).T == [0, 1, 0, 0]).all()


def test_adam_is_that_of_keras():
  start = RNG.normal(size=[7])
  ours = recurrent.Adam({'x': start}, 0.05)
  variable = tf.Variable(start)
  theirs = tf.keras.optimizers.Adam(0.05, epsilon=1e-8)
  for _ in range(20):
    ours.update({'x': 2 * ours.weights['x'] - 1})
    theirs.apply_gradients([(2 * variable - 1, variable)])
  np.testing.assert_allclose(ours.weights['x'], variable.numpy(), atol=1e-4)


def test_light_weights_stay_light():
  weights, inputs = draw(2)
  by_outputs = RNG.normal(size=(2, STEPS, COUNT, UNITS))
  outputs, steps = recurrent.run(weights, inputs)
  found, by_inputs = recurrent.gradients(weights, steps, by_outputs)
  light = recurrent.light(weights)
  few, light_steps = recurrent.run(light, inputs.astype(np.float32))
  of_light, by_light = recurrent.gradients(
    light, light_steps, by_outputs.astype(np.float32)
  )
  adam = recurrent.Adam(light, 0.1)
  adam.update(of_light)
  for value in (few, by_light, *of_light.values(), *adam.weights.values()):
    assert value.dtype == np.float32
  np.testing.assert_allclose(few, outputs, atol=1e-5)
  np.testing.assert_allclose(by_light, by_inputs, atol=1e-4)
  for name in found:
    np.testing.assert_allclose(of_light[name], found[name], atol=1e-4)

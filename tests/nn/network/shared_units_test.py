"""A unit by way of a shared function is the unit, in all that it computes."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.network import conv_norm, shared_units, variables

CHANNELS, FILTERS = 3, 4


def unit(kind, kernel_size, strides, rate, epsilon):
  norm = functools.partial(
    tf.keras.layers.BatchNormalization, epsilon=epsilon, momentum=0.9
  )
  made = conv_norm.ConvNorm(FILTERS, kernel_size, strides, rate, kind, norm)
  variables.create(made, CHANNELS)
  made.norm.gamma.assign(tf.linspace(0.5, 1.5, made.norm.gamma.shape[0]))
  return made


def computed(made, x, is_shared, training):
  """Output, moving statistics afterwards, gradients of input and weights."""
  norm = made.norm
  norm.moving_mean.assign(tf.fill(norm.moving_mean.shape, 0.1))
  norm.moving_variance.assign(tf.fill(norm.moving_variance.shape, 0.9))
  weights = [*(conv.weights[0] for conv in made.convs), norm.gamma, norm.beta]

  @functools.partial(tf.function, autograph=False)
  def step(x):
    with tf.GradientTape() as tape:
      tape.watch(x)
      flat = [tf.reshape(weight, [-1]) for weight in weights]
      given = {id(made): flat} if is_shared else {}
      with shared_units.given(given):
        y = made(x, training=training)
      # Of a plain sum of squares batch norm has no gradient.
      loss = tf.reduce_sum(tf.sin(y) * y)
    return y, tape.gradient(loss, [x, *weights]) if training else []

  y, gradients = step(x)
  moved = norm.moving_mean.numpy(), norm.moving_variance.numpy()
  return [y.numpy(), *moved, *(g.numpy() for g in gradients)]


KINDS = [
  ('full', 1, 1, 1, 1e-3),
  ('full', 3, 2, 1, 1e-3),
  ('full', 5, 1, 2, 1e-3),
  ('separable', 3, 1, 1, 1e-3),
  ('separable', 5, 2, 1, 1e-3),
  ('separable', 3, 1, 2, 1e-3),
  ('depthwise', 3, 1, 3, 1e-5),
]


@pytest.mark.parametrize('training', [True, False])
@pytest.mark.parametrize('kind', KINDS, ids=str)
def test_values_gradients_and_statistics_are_those_of_the_unit(kind, training):
  made = unit(*kind)
  x = tf.random.stateless_normal([2, 9, 7, CHANNELS], [0, 1])
  own = computed(made, x, False, training)
  shared = computed(made, x, True, training)
  assert len(own) == len(shared)
  for ours, theirs in zip(shared, own):
    largest = np.abs(theirs).max()
    assert largest > 0
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * largest)


def test_units_of_any_size_share_a_function():
  """Else each network would be compiled anew."""
  kind = KINDS[0]
  for size in (5, 8):
    computed(unit(*kind), tf.ones([1, size, size, CHANNELS]), True, True)
  before = shared_units.num_traced()
  computed(unit(*kind), tf.ones([3, 6, 4, CHANNELS]), True, True)
  assert shared_units.num_traced() == before


def test_without_given_weights_a_unit_has_its_own():
  made = unit(*KINDS[0])
  assert shared_units.weights_of(made) is None
  with shared_units.given({id(made): [tf.zeros([1])]}):
    assert len(shared_units.weights_of(made)) == 1
    assert shared_units.weights_of(unit(*KINDS[0])) is None
  assert shared_units.weights_of(made) is None

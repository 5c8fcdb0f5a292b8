"""A shared network trains as the network that it takes."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.nn.network import shared_network
from deeplab_nas.space import cell_space, genotype, lattice, search_space
from deeplab_nas.train import trainer as trainer_lib

SPACE = search_space.SearchSpace(
  cell_space.CellSpace(1), lattice.Lattice(2), filter_multiplier=2
)
NUM_CLASSES = 3


def architecture(seed):
  return SPACE.random(np.random.default_rng(seed))


def batch(seed):
  rng = np.random.default_rng(seed)
  images = rng.uniform(0, 255, [4, 33, 33, 3])
  labels = (images[..., 0] // 86).astype(np.int32)
  return tf.constant(images, tf.float32), tf.constant(labels)


def build(arch: genotype.Genotype, is_shared, drop_path_keep_prob=1.0):
  tf.keras.utils.set_random_seed(0)
  network = network_lib.build_network(
    arch,
    filter_multiplier=2,
    num_classes=NUM_CLASSES,
    aspp_rates=(2,),
    separable_head=True,
    stem_filters=(4, 4, 8),
    head_filters=16,
    batch_norm_momentum=0.9,
    drop_path_keep_prob=drop_path_keep_prob,
  )
  return shared_network.SharedNetwork(network) if is_shared else network


def trainer(arch: genotype.Genotype, is_shared, **settings):
  network = build(arch, is_shared, drop_path_keep_prob=0.8)
  settings = {
    'learning_rate': 0.2,
    'gradient_clip': 5.0,
    'ema_decay': 0.5,
    'weight_decay': 1e-3,
    **settings,
  }
  return trainer_lib.Trainer(
    network, config_lib.TrainConfig(**settings), 10, keeps_statistics=True
  )


def history(made):
  """Losses of four steps, the validation afterwards, bad steps."""
  step = tf.function(made.train_step, autograph=False)
  losses = []
  for number in range(4):
    made.reset_metrics()
    losses.append(float(step(batch(number))['loss']))
  val = tf.data.Dataset.from_tensors(batch(9))
  scores = made.evaluate(val, verbose=0, return_dict=True)
  return losses, scores


def test_losses_and_validation_are_those_of_the_network():
  own, own_scores = history(trainer(architecture(0), False))
  shared, scores = history(trainer(architecture(0), True))
  np.testing.assert_allclose(shared, own, rtol=1e-5)
  assert np.ptp(own) > 1e-4
  assert scores['loss'] == pytest.approx(own_scores['loss'], rel=1e-4)


@pytest.mark.slow
@pytest.mark.usefixtures('plain_graphs')
def test_a_step_of_a_deep_network_has_the_same_gradient():
  """Of 12 layers of 5 blocks, whose losses part after some steps.

  By rounding alone: weights that differ in their last bit move the gradient a
  hundred times as far, and each step builds on the last one's.
  """
  deep = search_space.SearchSpace().random(np.random.default_rng(0))
  own, shared = build(deep, False), build(deep, True)
  of_own, of_shared = gradient_of(own), gradient_of(shared)
  loss, right = of_own()
  same_loss, same = of_shared()
  assert same_loss == pytest.approx(loss, rel=1e-6)
  assert np.linalg.norm(same - right) < 1e-5 * np.linalg.norm(right)
  rng = np.random.default_rng(0)
  for variable in own.trainable_variables:
    towards = np.float32(rng.choice([-np.inf, np.inf], variable.shape))
    variable.assign(np.nextafter(variable.numpy(), towards))
  _, moved = of_own()
  apart = np.linalg.norm(moved - right)
  assert apart > 100 * np.linalg.norm(same - right)


def gradient_of(network):
  """A function to the loss and its gradient [N] by all that is trained."""
  images, labels = batch(0)

  @tf.function(autograph=False)
  def traced():
    with tf.GradientTape() as tape:
      logits = network(images, training=True)
      loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      loss = tf.reduce_mean(loss)
    variables = network.trainable_variables
    return loss, tape.gradient(loss, variables, unconnected_gradients='zero')

  def found():
    loss, gradients = traced()
    by = {v.ref(): g for v, g in zip(network.trainable_variables, gradients)}
    of = network
    if isinstance(network, shared_network.SharedNetwork):
      flat = by.pop(network.weights.ref())
      sizes = [part.shape.num_elements() for part in network.parts]
      parts = zip(network.parts, tf.split(flat, sizes))
      by.update((part.ref(), g) for part, g in parts)
      of = network.network
    inside = [np.ravel(by[v.ref()]) for v in of.trainable_variables]
    return float(loss), np.concatenate(inside)

  return found


def test_a_bad_step_changes_nothing():
  made = trainer(architecture(0), True)
  step = tf.function(made.train_step, autograph=False)
  images, labels = batch(0)
  before = [v.numpy() for v in made.network.non_trainable_variables[1:]]
  weights = made.network.weights.numpy()
  logs = step((images * np.nan, labels))
  assert int(logs['skipped_steps']) == 1
  after = [v.numpy() for v in made.network.non_trainable_variables[1:]]
  for then, now in zip(before, after):
    np.testing.assert_array_equal(then, now)
  np.testing.assert_allclose(made.network.weights.numpy(), weights, rtol=1e-3)


def test_weights_are_those_of_all_units_in_order():
  made = trainer(architecture(0), True).network
  flat = np.concatenate([part.numpy().ravel() for part in made.parts])
  np.testing.assert_array_equal(made.weights.numpy(), flat)
  inside = made.network.trainable_variables
  assert len(made.parts) == len(inside) - 2  # those of the logits
  assert len(made.trainable_variables) == 3
  assert len(made.non_trainable_variables) == len(
    made.network.non_trainable_variables
  )


@pytest.mark.parametrize(
  'options', [{'fold_batch_norm': True}, {'precision': 'mixed_bfloat16'}]
)
def test_networks_of_other_kinds_are_refused(options):
  precision = options.pop('precision', 'float32')
  tf.keras.mixed_precision.set_global_policy(precision)
  try:
    network = network_lib.build_network(
      architecture(0), filter_multiplier=1, **options
    )
  finally:
    tf.keras.mixed_precision.set_global_policy('float32')
  with pytest.raises(ValueError, match='float32 whose batch norms train'):
    shared_network.SharedNetwork(network)

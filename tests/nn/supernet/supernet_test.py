"""The supernet: Eq. (6), both paths, any image size."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import supernet
from deeplab_nas.search.relaxed import arch_params
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  lattice,
  primitives,
  search_space,
)
from tests.nn import closeness

NUM_CLASSES = 4
WITH_PARTIAL = [1, pytest.param(2, marks=pytest.mark.slow)]


def small_space(
  num_layers=3, num_blocks=1, chosen=None, filters=2, partial_channels=1
):
  return search_space.SearchSpace(
    cell_space.CellSpace(num_blocks, chosen or primitives.PRIMITIVES[3:7]),
    lattice.Lattice(num_layers),
    filters,
    partial_channels,
  )


def random_images(size=(65, 97)):
  images = np.random.default_rng(0).uniform(0, 255, (2, *size, 3))
  return tf.constant(images, tf.float32)


@pytest.mark.parametrize(
  'phase',
  [
    phases.WEIGHT_STEP,
    pytest.param(phases.INFERENCE, marks=pytest.mark.slow),
  ],
)
@pytest.mark.parametrize(
  'space',
  [
    # One channel would do, were it not that batch norm makes gradients of
    # one-channel weights zero, and zeros have no relative error.
    small_space(2, num_blocks=2, chosen=primitives.PRIMITIVES, filters=4),
    small_space(3, chosen=primitives.DARTS_PRIMITIVES[4:], filters=4),
    pytest.param(
      small_space(2, 2, filters=8, partial_channels=4), marks=pytest.mark.slow
    ),
    pytest.param(
      small_space(3, 1, primitives.DARTS_PRIMITIVES[4:], 4, partial_channels=2),
      marks=pytest.mark.slow,
    ),
  ],
  ids=[
    'paper primitives',
    'darts primitives',
    'paper primitives, a quarter of the channels',
    'darts primitives, half the channels',
  ],
)
def test_fast_supernet_equals_readable_supernet(space, phase):
  fast, readable = (
    supernet.Supernet(space, NUM_CLASSES, fused=fused)
    for fused in (True, False)
  )
  readable.set_weights(fast.get_weights())
  params = arch_params.ArchParams(space, stddev=1.0, seed=3)
  images = random_images()
  projection = np.random.default_rng(1).normal(
    size=(*images.shape[:3], NUM_CLASSES)
  )

  def run(model):
    learnt = [*params.trainable_variables, *model.trainable_variables]
    with tf.GradientTape() as tape:
      tape.watch(images)
      logits = model(images, params.weights(), phase)
      objective = tf.reduce_sum(logits * projection)
    gradients = tape.gradient(objective, [images, *learnt])
    return [logits, *gradients, *model.non_trainable_variables]

  closeness.assert_close(run(fast), run(readable))


@pytest.mark.parametrize('size', [(1, 1), (32, 33), (34, 71), (64, 64)])
def test_any_image_size_comes_back(size):
  space = small_space(num_layers=2, chosen=primitives.PRIMITIVES[3:5])
  model = supernet.Supernet(space, NUM_CLASSES)
  weights = arch_params.ArchParams(space).weights()
  assert model(random_images(size), weights).shape == (2, *size, NUM_CLASSES)


def test_unknown_image_size_is_computed_at_run_time():
  space = small_space(num_layers=2, chosen=primitives.PRIMITIVES[3:5])
  model = supernet.Supernet(space, NUM_CLASSES)
  weights = arch_params.ArchParams(space).weights()
  compiled = tf.function(
    lambda images: model(images, weights),
    input_signature=[tf.TensorSpec([None, None, None, 3])],
  )
  for size in [(20, 40), (50, 33)]:
    images = random_images(size)
    np.testing.assert_allclose(
      compiled(images), model(images, weights), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize('partial_channels', WITH_PARTIAL)
def test_only_nodes_on_the_chosen_path_reach_the_logits(partial_channels):
  """With one-hot weights, Eq. (6) is a chain of cells."""
  space = small_space(3, filters=4, partial_channels=partial_channels)
  model = supernet.Supernet(space, NUM_CLASSES)
  genotype = space.random(np.random.default_rng(0))
  weights = arch_weights.ArchWeights(
    *map(tf.constant, arch_weights.one_hot(genotype, space))
  )
  on_path = {edge.target for edge in space.lattice.path_edges(genotype.path)}
  with tf.GradientTape() as tape:
    logits = model(random_images(), weights, phases.WEIGHT_STEP)
    objective = tf.reduce_sum(logits * tf.sin(logits))
  variables = {
    node: model.cells[node.name].trainable_variables
    for node in space.lattice.nodes
  }
  gradients = tape.gradient(objective, variables)
  reached = {
    node
    for node in space.lattice.nodes
    if any(np.any(gradient) for gradient in gradients[node])
  }
  assert reached == on_path


@pytest.mark.parametrize('partial_channels', WITH_PARTIAL)
def test_everything_learnt_of_the_architecture_gets_a_gradient(
  partial_channels,
):
  space = small_space(2, 2, filters=4, partial_channels=partial_channels)
  model = supernet.Supernet(space, NUM_CLASSES)
  params = arch_params.ArchParams(space, seed=1)
  with tf.GradientTape() as tape:
    logits = model(random_images(), params.weights(), phases.WEIGHT_STEP)
    objective = tf.reduce_sum(tf.nn.softmax(logits) ** 2)
  alpha, beta, *gamma = tape.gradient(objective, params.trainable_variables)
  assert len(gamma) == (partial_channels > 1)
  assert np.all(np.asarray(gamma) != 0)
  assert np.all(np.asarray(alpha) != 0)
  assert np.all(np.asarray(beta)[space.lattice.legal] != 0)
  np.testing.assert_array_equal(np.asarray(beta)[~space.lattice.legal], 0)


def test_architecture_step_changes_no_variable():
  space = small_space()
  model = supernet.Supernet(space, NUM_CLASSES)
  weights = arch_params.ArchParams(space).weights()
  before = model.get_weights()
  model(random_images(), weights, phases.ARCH_STEP)
  for old, new in zip(before, model.get_weights()):
    np.testing.assert_array_equal(old, new)


def test_paper_lattice_has_45_cells_and_105_transitions():
  space = search_space.SearchSpace(
    cell_space.CellSpace(1, primitives.PRIMITIVES[3:4]), filter_multiplier=1
  )
  model = supernet.Supernet(space, NUM_CLASSES)
  transitions = [cell.shape.num_transitions for cell in model.cells.values()]
  assert (len(transitions), sum(transitions)) == (45, 105)
  assert [head.atrous.conv.dilation_rate[0] for head in model.heads] == [
    24,
    12,
    6,
    3,
  ]


def test_partial_channels_have_narrower_operations():
  """Input projections keep their sizes; operations get narrower."""
  full, quarter = (
    supernet.Supernet(small_space(2, filters=8, partial_channels=k), 2)
    for k in (1, 4)
  )
  for name, cell in quarter.cells.items():
    assert (
      cell.moving_mean.shape[1] == full.cells[name].moving_mean.shape[1] / 4
    )
    assert cell.kernel_vector.shape[0] < full.cells[name].kernel_vector.shape[0]


def test_with_global_paths_every_logit_of_the_lattice_gets_a_gradient():
  """Those of the stem too; `visibility_test` compares with local paths."""
  space = dataclasses.replace(small_space(4), paths='global')
  net = supernet.Supernet(space, NUM_CLASSES)
  params = arch_params.ArchParams(space, stddev=0.5, seed=1)
  gradient = 0
  for seed in range(3):  # of one loss a single one may happen to be small
    wanted = tf.random.stateless_normal([2, 65, 97, NUM_CLASSES], [seed, 1])
    with tf.GradientTape() as tape:
      logits = net(random_images(), params.weights(), phases.ARCH_STEP)
      loss = tf.reduce_mean(wanted * logits)
    gradient += np.abs(tape.gradient(loss, params.beta).numpy())
  legal = space.lattice.legal
  assert gradient[legal].min() > 1e-3 * np.median(gradient[legal])
  np.testing.assert_array_equal(gradient[~legal], 0)


def test_with_global_paths_one_path_reads_one_head():
  space = dataclasses.replace(small_space(2), paths='global')
  net = supernet.Supernet(space, NUM_CLASSES)
  weights = arch_weights.one_hot(space.random(0), space)
  weights = arch_weights.ArchWeights(*map(tf.constant, weights))
  images = random_images()
  before = net(images, weights)
  path = space.random(0).path
  for level, head in enumerate(net.heads):
    bias = head.logits.bias
    bias.assign_add(tf.ones_like(bias))
    change = np.abs(net(images, weights) - before).max()
    bias.assign_sub(tf.ones_like(bias))
    assert change == pytest.approx(float(level == path[-1]), abs=1e-5)

"""Weights of the released code give the released outputs."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import build_network, errors
from deeplab_nas.nn.network import folding
from deeplab_nas.space import Genotype, zoo
from deeplab_nas.tf1 import variables as tf1_checkpoint
from tests.nn import released_network
from tests.tf1 import official

KINDS = {
  'auto_deeplab': released_network.HNASNET,
  'pnasnet5': released_network.PNASNET,
}


def relative_error(actual, expected):
  return np.abs(actual - expected).max() / np.abs(expected).max()


def image(height, width, seed=0):
  rng = np.random.default_rng(seed)
  return rng.uniform(0, 255, [1, height, width, 3]).astype(np.float32)


@pytest.fixture(scope='module')
def points():
  """All stages of the package's network with the official variables."""
  model = build_network('auto_deeplab', filter_multiplier=official.WIDTH)
  tf1_checkpoint.assign(model, official.variables())
  return tf1_checkpoint.end_points(model, tf.constant(official.image()))


def test_every_output_of_the_official_network_is_reproduced(points):
  outputs = official.outputs()
  assert set(points) == set(outputs) and len(outputs) == 15
  for name, expected in outputs.items():
    actual = official.sample(points[name].numpy())
    assert actual.shape == expected.shape
    assert relative_error(actual, expected) < 1e-5, name


def test_the_plain_network_of_other_tests_reproduces_them_too():
  released = released_network.ReleasedNetwork(
    released_network.HNASNET,
    zoo.load('auto_deeplab').path,
    official.WIDTH,
    num_classes=19,
    rates=official.RATES,
  )
  released.variables.update(official.variables())
  found = released(official.image())
  assert len(released.variables) == 1370  # none was drawn
  for name, expected in official.outputs().items():
    actual = official.sample(found[name].numpy())
    assert relative_error(actual, expected) < 1e-5, name


@pytest.mark.skipif(
  not official.COMPLETE.is_file(), reason=f'{official.COMPLETE} is not there'
)
def test_the_complete_file_holds_no_more_than_the_small_one_says(points):
  with np.load(official.COMPLETE) as file:
    complete = dict(file)
  np.testing.assert_array_equal(complete['image'], official.image())
  variables, outputs = official.variables(), official.outputs()
  assert set(complete) == {
    'image',
    *(f'var/{name}' for name in variables),
    *(f'out/{name}' for name in outputs),
  }
  for name, value in variables.items():
    np.testing.assert_array_equal(complete[f'var/{name}'], value, name)
  for name, value in outputs.items():
    whole = complete[f'out/{name}']
    np.testing.assert_array_equal(official.sample(whole), value, name)
    assert points[name].shape == whole.shape
    assert relative_error(points[name].numpy(), whole) < 1e-5, name


@pytest.mark.parametrize(
  'name, filters, classes, size, path, separable',
  [
    pytest.param(
      'auto_deeplab', 3, 5, (65, 33), None, False, marks=pytest.mark.slow
    ),
    pytest.param(
      'auto_deeplab',
      2,
      2,
      (33, 97),
      (1, 2, 3, 2, 2, 1, 0),
      True,
      marks=pytest.mark.slow,
    ),
    # A first projection is left out where the stem has as many channels.
    ('auto_deeplab', 64, 2, (33, 33), (0, 1), False),
    pytest.param(
      'pnasnet5', 2, 3, (65, 97), None, False, marks=pytest.mark.slow
    ),
    ('pnasnet5', 3, 4, (33, 65), (1, 1, 2, 3), True),
  ],
)
def test_both_released_cells_at_other_widths_sizes_and_paths(
  name, filters, classes, size, path, separable
):
  path = path or zoo.load(name).path
  released = released_network.ReleasedNetwork(
    KINDS[name], path, filters, classes
  )
  released.separable_head = separable
  expected = released(image(*size))
  model = build_network(
    Genotype(path, zoo.load(name).cell),
    filters,
    classes,
    aspp_rates=(1, 2),
    separable_head=separable,
  )
  tf1_checkpoint.assign(model, released.variables)
  points = tf1_checkpoint.end_points(model, tf.constant(image(*size)))
  assert set(points) == set(expected)
  for point, value in expected.items():
    assert relative_error(points[point].numpy(), value.numpy()) < 1e-5, point
  upsampled = released_network.resize(expected['logits'], size)
  logits = model(tf.constant(image(*size))).numpy()
  assert relative_error(logits, upsampled.numpy()) < 1e-5


@pytest.fixture(scope='module')
def tiny():
  """A small network and arrays that fit it."""
  path = (0, 1)
  released = released_network.ReleasedNetwork(
    released_network.HNASNET, path, 1, 2
  )
  released(image(33, 33))
  model = build_network(
    Genotype(path, zoo.load('auto_deeplab').cell), 1, 2, aspp_rates=(1, 2)
  )
  return model, dict(released.variables)


def test_unmatched_names_on_both_sides_are_listed_and_nothing_is_assigned(tiny):
  model, variables = tiny
  before = [v.numpy() for v in model.variables]
  variables = {**variables, 'hnasnet/conv9/weights': np.zeros(1)}
  del variables['hnasnet/conv0/weights']
  variables['aspp0/weights'] = np.zeros([1, 1, 2, 2])
  with pytest.raises(errors.UserError) as error:
    tf1_checkpoint.assign(model, variables)
  text = str(error.value)
  assert (
    '1 variables of the network are not in the checkpoint:'
    ' hnasnet/conv0/weights;'
  ) in text
  assert (
    '1 variables of the checkpoint are not in the network:'
    ' hnasnet/conv9/weights;'
  ) in text
  assert 'aspp0/weights (1, 1, 2, 2) for (1, 1, 10, 256)' in text
  for variable, value in zip(model.variables, before):
    np.testing.assert_array_equal(variable.numpy(), value)


@pytest.mark.parametrize(
  'value, part',
  [('x', 'holds no numbers'), (np.nan, 'a value that is not finite')],
)
def test_values_that_are_no_weights_are_refused_and_nothing_is_assigned(
  tiny, value, part
):
  model, variables = tiny
  before = [v.numpy() for v in model.variables]
  bad = np.full([2], value, object if value == 'x' else np.float32)
  changed = {**variables, 'logits/semantic/biases': bad}
  with pytest.raises(errors.UserError, match=part):
    tf1_checkpoint.assign(model, changed)
  for variable, old in zip(model.variables, before):
    np.testing.assert_array_equal(variable.numpy(), old)


def test_a_folded_network_has_no_place_for_batch_norm(tiny):
  model, variables = tiny
  with pytest.raises(errors.UserError, match='assign first, then fold'):
    tf1_checkpoint.assign(folding.fold(model), variables)


def test_a_checkpoint_file_of_tf1_is_read_without_what_training_added(
  tiny, tmp_path
):
  arrays = {
    'hnasnet/conv0/weights': np.ones([3, 3, 3, 64], np.float32),
    'hnasnet/conv0/weights/Momentum': np.ones([3, 3, 3, 64], np.float32),
    'global_step': np.int64(7),
  }
  with tf.Graph().as_default(), tf.compat.v1.Session() as session:
    for name, value in arrays.items():
      tf.compat.v1.get_variable(name, initializer=value)
    session.run(tf.compat.v1.global_variables_initializer())
    prefix = tf.compat.v1.train.Saver().save(
      session, str(tmp_path / 'model.ckpt')
    )
  variables = tf1_checkpoint.read(prefix)
  assert set(variables) == {'hnasnet/conv0/weights'}
  np.testing.assert_array_equal(
    variables['hnasnet/conv0/weights'], np.ones([3, 3, 3, 64])
  )


def test_no_checkpoint_is_a_sentence(tmp_path):
  with pytest.raises(errors.UserError, match='is no TensorFlow checkpoint'):
    tf1_checkpoint.read(tmp_path / 'nothing')


def test_operations_that_were_never_released_are_refused():
  cell = ((('prev', 'dil_conv_3x3'), ('prev_prev', 'skip_connect')),)
  model = build_network(Genotype((0,), cell), 1, 2, aspp_rates=(1,))
  with pytest.raises(errors.UserError, match='no operation dil_conv_3x3'):
    tf1_checkpoint.assign(model, {})

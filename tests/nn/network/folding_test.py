"""Batch norm in the kernels: the same network, without batch norm."""

import numpy as np
import pytest
import tensorflow as tf

import deeplab_nas
from deeplab_nas.nn.network import conv_norm, folding, network
from deeplab_nas.space import Genotype, primitives
from tests.nn import closeness, plain

# Every primitive that a network can have, on ways down and up.
NAMES = [name for name in primitives.BY_NAME if name != 'none']
GENOTYPE = Genotype(
  (1, 0),
  tuple(
    (('prev', one), ('prev_prev', other))
    for one, other in zip(NAMES[::2], NAMES[1::2] + NAMES[:1])
  ),
)


def build(separable, **options):
  tf.keras.utils.set_random_seed(0)
  model = deeplab_nas.build_network(
    GENOTYPE, 2, 3, aspp_rates=(1, 2), separable_head=separable, **options
  )
  # Logits that start near 0 would hide what comes before them.
  kernel, bias = model.logits.get_weights()
  rng = np.random.default_rng(2)
  model.logits.set_weights(
    [rng.normal(size=kernel.shape), rng.normal(size=bias.shape)]
  )
  return plain.randomize(model)


@pytest.fixture(
  scope='module', params=[False, True], ids=['full head', 'separable head']
)
def pair(request):
  """A network with random statistics, and that folded."""
  model = build(request.param)
  return model, folding.fold(model)


@pytest.fixture(scope='module', params=[False, True], ids=['full', 'separable'])
def fast_pair(request):
  """The same, whose decoder takes fewer multiplications."""
  model = build(request.param)
  return model, folding.fold(model, winograd_decoder=True)


def images(height=33, width=49):
  return tf.constant(
    np.random.default_rng(0).uniform(0, 255, [2, height, width, 3]), tf.float32
  )


def units(model):
  """Convolutions with their batch norms."""
  return [m for m in model.submodules if isinstance(m, conv_norm.ConvNorm)]


def test_every_stage_infers_the_same(pair):
  model, folded = pair
  expected, actual = (m.end_points(images()) for m in pair)
  assert list(actual) == list(expected)
  for name in expected:
    closeness.assert_close([actual[name]], [expected[name]])
  assert np.abs(expected['logits']).max() > 0.1
  closeness.assert_close([folded(images())], [model(images())])


def test_a_decoder_with_fewer_multiplications_infers_the_same(fast_pair):
  model, folded = fast_pair
  assert folded.options.winograd_decoder
  closeness.assert_close([folded(images())], [model(images())])
  names = [type(x).__name__ for x in model.submodules]
  folded_names = [type(x).__module__ for x in folded.submodules]
  expected = 0 if model.options.separable_head else len(model.decoder.convs)
  assert folded_names.count('deeplab_nas.nn.network.winograd') == expected
  assert names.count('ConvNorm') == len(units(folded))


def test_kernels_are_scaled_and_offsets_are_biases(pair):
  kinds = set()
  sources, targets = map(units, pair)
  assert len(sources) == len(targets)
  for source, target in zip(sources, targets):
    kinds.add(source.kind)
    assert (source.name, source.kind) == (target.name, target.kind)
    norm = source.norm
    scale = norm.gamma / np.sqrt(norm.moving_variance + norm.epsilon)
    *before, last = [conv.get_weights()[0] for conv in source.convs]
    # Channels of the output are the last axis, but for a depthwise kernel.
    axes = 'hwio,i->hwio' if source.kind == 'depthwise' else 'hwio,o->hwio'
    kernel, bias = target.convs[-1].get_weights()
    np.testing.assert_allclose(
      kernel, np.einsum(axes, last, scale), rtol=1e-5, atol=1e-7
    )
    np.testing.assert_allclose(
      bias, norm.beta - norm.moving_mean * scale, rtol=1e-4, atol=1e-6
    )
    for conv, expected in zip(target.convs[:-1], before):
      np.testing.assert_array_equal(conv.get_weights()[0], expected)
  has_all = pair[0].options.separable_head
  assert kinds == set(conv_norm.KINDS if has_all else ('full', 'separable'))


def test_the_network_stays_as_it_is(pair):
  model, _ = pair
  before = [v.numpy() for v in model.variables]
  folded = folding.fold(model)
  for variable in folded.variables:
    variable.assign(tf.zeros_like(variable))
  assert not model.options.fold_batch_norm and plain.norms(model)
  for variable, value in zip(model.variables, before):
    np.testing.assert_array_equal(variable, value)


def test_nothing_of_batch_norm_is_left(pair):
  model, folded = pair
  assert plain.norms(model) and not plain.norms(folded)
  parts = ('gamma', 'beta', 'moving_mean', 'moving_variance')
  names = [v.name for v in folded.variables]
  assert not [name for name in names if any(part in name for part in parts)]
  # Four numbers a channel have become one.
  channels = sum(norm.gamma.shape[0] for norm in plain.norms(model))
  sizes = [sum(np.prod(v.shape) for v in m.variables) for m in pair]
  assert sizes[0] - sizes[1] == 3 * channels


def operations(model):
  traced = tf.function(lambda x: model(x)).get_concrete_function(
    tf.TensorSpec([1, 33, 33, 3])
  )
  return {op.type for op in traced.graph.get_operations()}


def test_the_graph_has_no_batch_norm(pair):
  model, folded = pair
  kinds = {'FusedBatchNorm', 'FusedBatchNormV2', 'FusedBatchNormV3'}
  assert kinds & operations(model)
  assert not kinds & operations(folded)
  assert 'Rsqrt' not in operations(folded)


def test_only_depthwise_convolutions_go_through_space_to_batch(pair):
  for model in pair:
    rates = [
      conv
      for unit in units(model)
      for conv in unit.convs
      if max(conv.dilation_rate) > 1
      and (
        unit.norm is not None
        or isinstance(conv, tf.keras.layers.DepthwiseConv2D)
      )
    ]
    traced = tf.function(lambda x, model=model: model(x))
    graph = traced.get_concrete_function(tf.TensorSpec([1, 33, 33, 3])).graph
    kinds = [op.type for op in graph.get_operations()]
    assert kinds.count('SpaceToBatchND') == len(rates) > 0


def test_small_weights_may_be_numbers(pair):
  model, _ = pair
  folded = folding.fold(model, winograd_decoder=True)
  count = len(folded.variables)
  folding.freeze_small(folded, max_bytes=400)
  sizes = [4 * np.prod(v.shape) for v in folded.variables]
  assert 0 < len(sizes) < count / 2
  # And the progress of drop path, which is no weight.
  assert min(sizes) == 4 and sorted(sizes)[1] > 400
  closeness.assert_close([folded(images())], [model(images())])
  traced = tf.function(lambda x: folded(x)).get_concrete_function(
    tf.TensorSpec([1, 33, 33, 3])
  )
  assert len(traced.captured_inputs) == len(sizes) - 1
  square = images(33, 33)[:1]
  closeness.assert_close([traced(square)], [model(square)])


def test_all_else_is_that_of_the_network(pair):
  model, folded = pair
  assert (folded.genotype, folded.space) == (model.genotype, model.space)
  assert folded.num_classes == 3 and folded.name == model.name
  assert folded.options == network.NetworkOptions(
    aspp_rates=(1, 2),
    separable_head=model.options.separable_head,
    fold_batch_norm=True,
  )


def test_a_folded_network_is_folded_already(pair):
  _, folded = pair
  assert folding.fold(folded) is folded

"""The derived network: its size, its stages, its options."""

import numpy as np
import pytest
import tensorflow as tf

import deeplab_nas
from deeplab_nas.nn.network import network
from deeplab_nas.nn.supernet import layout as layout_lib
from deeplab_nas.nn.supernet import supernet
from deeplab_nas.space import (
  CellSpace,
  CostModel,
  Genotype,
  Lattice,
  SearchSpace,
  arch_weights,
  primitives,
  zoo,
)
from tests.nn import closeness

SKIPS = ((('prev', 'skip_connect'), ('prev_prev', 'max_pool_3x3')),)
SMALL = {'filter_multiplier': 1, 'num_classes': 3, 'aspp_rates': (1, 2)}


def num_trainable(model):
  return sum(np.prod(v.shape) for v in model.trainable_variables)


def images(*size, batch=2):
  values = np.random.default_rng(0).uniform(0, 255, [batch, *size, 3])
  return tf.constant(values, tf.float32)


@pytest.mark.parametrize(
  'filters, full, separable',
  [
    (20, 10_147_427, 7_784_507),
    pytest.param(32, 21_622_451, 18_526_211, marks=pytest.mark.slow),
    pytest.param(48, 44_424_691, 40_350_691, marks=pytest.mark.slow),
  ],
)
def test_parameters_of_the_published_networks(filters, full, separable):
  model = deeplab_nas.build_network('auto_deeplab', filters)
  assert num_trainable(model) == full
  model = deeplab_nas.build_network(
    'auto_deeplab', filters, separable_head=True
  )
  assert num_trainable(model) == separable


@pytest.mark.parametrize('preset', primitives.PRESETS)
@pytest.mark.parametrize(
  'separable', [True, pytest.param(False, marks=pytest.mark.slow)]
)
def test_the_cost_model_counts_the_network(preset, separable):
  rng = np.random.default_rng(len(preset))
  space = SearchSpace(
    CellSpace(3, primitives.PRESETS[preset]), Lattice(4), filter_multiplier=3
  )
  for genotype in (space.random(rng) for _ in range(3)):
    model = network.DerivedNetwork(
      space, genotype, 5, network.NetworkOptions(separable_head=separable)
    )
    cost = CostModel(space, 5, separable_head=separable).of(genotype)
    assert num_trainable(model) == cost.params


def test_the_cost_model_knows_width_rates_and_head_of_a_network():
  cell = (
    (('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),
    (('block_0', 'sep_conv_5x5'), ('prev_prev', 'max_pool_3x3')),
  )
  genotype = Genotype((0, 1, 2, 1), cell)
  model = network.build_network(
    genotype,
    2.5,
    3,
    aspp_rates=(1,),
    separable_head=True,
    low_level_stride=8,
  )
  cost = model.cost_model((65, 97)).of(genotype)
  assert num_trainable(model) == cost.params
  assert conv_macs(model, (65, 97)) == cost.macs
  # Stride 16 is the coarsest of the path: 70 x 90 become 81 x 97.
  padded = model.cost_model((70, 90)).of(genotype)
  assert conv_macs(model, (70, 90)) == padded.macs


def conv_macs(model, size):
  """Multiply-adds of the convolutions in the traced graph."""

  def call(x):
    return model(x)

  graph = (
    tf.function(call)
    .get_concrete_function(tf.TensorSpec([1, *size, 3], tf.float32))
    .graph
  )
  total = 0
  for op in graph.get_operations():
    if op.type in ('Conv2D', 'DepthwiseConv2dNative'):
      kernel, output = op.inputs[1].shape, op.outputs[0].shape
      is_depthwise = op.type == 'DepthwiseConv2dNative'
      weights = np.prod(kernel[:3] if is_depthwise else kernel)
      total += int(weights) * int(np.prod(output[:3]))
  return total


@pytest.mark.parametrize(
  'name', ['deeplabv3', pytest.param('pnasnet5', marks=pytest.mark.slow)]
)
def test_the_graph_multiplies_as_often_as_the_cost_model_says(name):
  # Rates of 1: TensorFlow pads what it multiplies in an atrous convolution.
  plain = tuple(
    tuple((s, p.replace('atrous', 'sep')) for s, p in block)
    for block in zoo.load(name).cell
  )
  genotype = Genotype(zoo.load(name).path[:5], plain)
  space = SearchSpace.containing(genotype, 2)
  model = network.DerivedNetwork(
    space, genotype, 3, network.NetworkOptions(aspp_rates=(1, 1, 1))
  )
  cost = CostModel(space, 3, (65, 97)).of(genotype)
  assert conv_macs(model, (65, 97)) == cost.macs


@pytest.mark.parametrize(
  'size', [(1, 1), (2, 70), (33, 33), (48, 31), (64, 65)]
)
def test_any_size_goes_in_and_comes_out(size):
  model = deeplab_nas.build_network(Genotype((0, 1, 2, 1), SKIPS), **SMALL)
  logits = model(images(*size))
  assert logits.shape == (2, *size, 3)
  assert np.isfinite(logits).all()


def test_stages_have_the_released_names_and_sizes():
  model = deeplab_nas.build_network('auto_deeplab', 10, 2)
  points = model.end_points(images(321, 321, batch=1))
  shapes = {name: tuple(x.shape[1:]) for name, x in points.items()}
  by_level = [(81, 81, 50), (41, 41, 100), (21, 21, 200), (11, 11, 400)]
  assert shapes == {
    'Stem': (81, 81, 128),
    **{
      f'Cell_{i}': by_level[level]
      for i, level in enumerate(zoo.load('auto_deeplab').path)
    },
    'features': (41, 41, 100),
    'logits': (81, 81, 2),
  }


@pytest.mark.parametrize(
  'path, stride, name',
  [
    ((0, 0, 0, 1, 2, 1), 4, 'Cell_2'),
    ((0, 0, 0, 1, 2, 1), 8, 'Cell_3'),
    ((1, 0, 1), 4, 'Stem'),
    ((0, 1, 0, 1, 2), 4, 'Cell_0'),
    ((0, 0), 4, 'Cell_1'),
  ],
)
def test_low_level_features_are_the_last_before_the_path_goes_below(
  path, stride, name
):
  genotype = Genotype(path, SKIPS)
  assert network.low_level_end_point(genotype, stride) == name
  model = deeplab_nas.build_network(genotype, low_level_stride=stride, **SMALL)
  size = 32 // stride + 1
  assert model.end_points(images(33, 33))['logits'].shape[1] == size
  assert model(images(33, 33)).shape == (2, 33, 33, 3)


def test_a_stride_that_the_path_never_has_is_refused():
  with pytest.raises(ValueError, match='16; the path has the strides 4, 8'):
    deeplab_nas.build_network(
      Genotype((0, 1), SKIPS), low_level_stride=16, **SMALL
    )


@pytest.mark.parametrize(
  'options, part',
  [
    ({'aspp_rates': (0,)}, r'aspp_rates is \(0,\), .* at least 1'),
    ({'aspp_rates': 6}, 'aspp_rates is 6, expected a list'),
    ({'num_classes': 2.5}, 'num_classes is 2.5'),
    ({'filter_multiplier': 0.5}, 'filter_multiplier is 0.5'),
    ({'drop_path_keep_prob': 0.0}, 'drop_path_keep_prob is 0.0'),
    ({'batch_norm_momentum': 1.0}, 'batch_norm_momentum is 1.0'),
    ({'num_classes': 0}, 'num_classes is 0'),
    ({'filter_multiplier': 0}, 'filter_multiplier is 0'),
  ],
)
def test_values_out_of_range_are_refused(options, part):
  with pytest.raises(ValueError, match=part):
    deeplab_nas.build_network(Genotype((0,), SKIPS), **options)


def test_unknown_names_list_the_zoo():
  with pytest.raises(ValueError, match='known are auto_deeplab'):
    deeplab_nas.build_network('resnet')


def test_variables_have_names_of_their_own_and_start_apart():
  genotype = Genotype((0, 0, 0), zoo.load('auto_deeplab').cell)
  model = deeplab_nas.build_network(genotype, 2, 3)
  names = [v.name for v in model.variables]
  assert len(set(names)) == len(names)
  # No counter of other layers in the process is part of a name.
  again = deeplab_nas.build_network(genotype, 2, 3)
  assert [v.name for v in again.variables] == names
  one, other = (
    model.get_layer(f'cell_{i}').prev.convs[0].kernel.numpy() for i in (1, 2)
  )
  assert one.shape == other.shape and not np.allclose(one, other)


def test_batch_norm_has_the_released_epsilons_and_the_given_momentum():
  model = deeplab_nas.build_network(
    Genotype((0,), SKIPS), batch_norm_momentum=0.5, **SMALL
  )
  norms = [
    m
    for m in model.submodules
    if isinstance(m, tf.keras.layers.BatchNormalization)
  ]
  assert {norm.momentum for norm in norms} == {0.5}
  assert {norm.epsilon for norm in norms} == {1e-3, 1e-5}
  assert {norm.epsilon for norm in model.aspp.submodules if norm in norms} == {
    1e-5
  }


def test_every_variable_learns():
  model = deeplab_nas.build_network(
    Genotype((0, 1, 0), zoo.load('auto_deeplab').cell), **SMALL
  )
  with tf.GradientTape() as tape:
    loss = tf.reduce_mean(tf.square(model(images(33, 65), training=True)))
  gradients = tape.gradient(loss, model.trainable_variables)
  for variable, gradient in zip(model.trainable_variables, gradients):
    assert np.isfinite(gradient).all() and np.any(gradient), variable.name


def test_mixed_precision_gives_float32_logits_that_are_near():
  genotype = Genotype((0, 1, 0), zoo.load('auto_deeplab').cell)
  exact = deeplab_nas.build_network(genotype, 4, 3, aspp_rates=(1, 2))
  tf.keras.mixed_precision.set_global_policy('mixed_bfloat16')
  try:
    mixed = deeplab_nas.build_network(genotype, 4, 3, aspp_rates=(1, 2))
    mixed.set_weights(exact.get_weights())
    logits = mixed(images(65, 65))
  finally:
    tf.keras.mixed_precision.set_global_policy('float32')
  assert mixed.cells[0].compute_dtype == 'bfloat16'
  assert logits.dtype == tf.float32
  closeness.assert_close([logits], [exact(images(65, 65))], tolerance=0.05)


@pytest.mark.parametrize(
  'preset', [pytest.param('auto_deeplab', marks=pytest.mark.slow), 'darts']
)
def test_a_supernet_on_one_path_of_constant_level_is_the_network(preset):
  """The stem has the released widths at F = 8; the heads differ."""
  space = SearchSpace(CellSpace(2, primitives.PRESETS[preset]), Lattice(3), 8)
  rng = np.random.default_rng(1)
  while True:
    genotype = Genotype((0, 0, 0), space.random(rng).cell)
    kinds = {primitives.BY_NAME[name].kind for _, name in genotype.edges()}
    if len(kinds) == 4:
      break
  relaxed = supernet.Supernet(space, 3)
  for variable in relaxed.variables:
    if 'moving' in variable.name:
      variable.assign(rng.uniform(0.5, 1.5, variable.shape))
  model = network.DerivedNetwork(space, genotype, 3)
  copy_supernet(relaxed, model)

  outputs = {}
  for node, cell in relaxed.cells.items():
    cell.call = recorded(cell.call, outputs, node)
  arch = arch_weights.one_hot(genotype, space)
  relaxed(images(65, 97), arch_weights.ArchWeights(*map(tf.constant, arch)))
  points = model.end_points(images(65, 97))
  for layer in range(3):
    closeness.assert_close(
      [points[f'Cell_{layer}']], [outputs[f'layer{layer + 1}_level0']]
    )


def recorded(call, outputs, name):
  def wrapper(*args, **kwargs):
    outputs[name] = call(*args, **kwargs)
    return outputs[name]

  return wrapper


def copy_supernet(relaxed, model):
  """Sets stem and cells of a network of constant level 0 from a supernet's."""
  for source, target in zip(
    (relaxed.stem.half, relaxed.stem.conv, relaxed.stem.quarter), model.stem
  ):
    copy_unit(source.conv.kernel, source.norm, target)
  for i, cell in enumerate(model.cells):
    node = relaxed.cells[f'layer{i + 1}_level0']
    # The transition from the same level comes first where nothing is finer.
    last = layout_lib.Input(node.shape.num_transitions)
    for key, unit in (
      (layout_lib.Input(0), cell.prev),
      (last, cell.prev_prev),
    ):
      unit.convs[0].set_weights([blocks_of(node)[key]])
      copy_norm(node, key, key.index, 0, unit.norm)
    for block, ops in enumerate(cell.ops):
      for term, op in zip(model.genotype.cell[block], ops):
        copy_op(node, block, term.source, op)


def blocks_of(node):
  layout = node.layout
  blocks = layout.unpack(node.kernel_vector)
  return {key: block.numpy() for key, block in blocks.items()}


def copy_op(node, block, source, op):
  cell = node.shape.cell
  names = ['prev', 'prev_prev'] + [f'block_{i}' for i in range(block)]
  source = names.index(source)
  edge = cell.edge_index(source, block)
  chosen = [p.name for p in cell.primitives].index(op.primitive.name)
  weights = node.layout.of_edge(blocks_of(node), chosen, edge)
  for i, unit in enumerate(op.units):
    for conv in unit.convs:
      kernel = weights.pop(0)
      conv.set_weights([kernel.reshape(conv.get_weights()[0].shape)])
    key = layout_lib.Part(chosen, i, node.layout.group_of(edge))
    copy_norm(node, key, 0, edge, unit.norm)


def copy_norm(node, key, transition, edge, norm):
  row = node.layout.row[key, transition, edge]
  norm.moving_mean.assign(node.moving_mean[row])
  norm.moving_variance.assign(node.moving_variance[row])


def copy_unit(kernel, norm, unit):
  unit.convs[0].set_weights([kernel.numpy()])
  unit.norm.moving_mean.assign(norm.moving_mean)
  unit.norm.moving_variance.assign(norm.moving_variance)
  unit.norm.gamma.assign(norm.gamma)
  unit.norm.beta.assign(norm.beta)


def test_stem_head_and_a_fraction_of_f_are_as_wide_as_asked():
  genotype = Genotype(
    (0, 1), ((('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),)
  )
  model = network.build_network(
    genotype,
    filter_multiplier=2.5,
    num_classes=3,
    stem_filters=(4, 5, 6),
    head_filters=32,
    aspp_rates=(1, 2),
  )
  points = model.end_points(np.zeros([1, 33, 65, 3], np.float32))
  channels = {name: x.shape[-1] for name, x in points.items()}
  assert channels == {
    'Stem': 6,
    'Cell_0': 2,
    'Cell_1': 5,
    'features': 5,
    'logits': 3,
  }
  assert [
    layer.units[0].convs[0].kernel.shape[-1] for layer in model.decoder.convs
  ] == [32, 32]
  trained = sum(np.prod(v.shape) for v in model.trainable_variables)
  assert model.cost_model((33, 65)).of(genotype).params == trained


@pytest.mark.parametrize('value', [5, None, {'path': [0]}])
def test_what_is_no_genotype_is_refused(value):
  with pytest.raises(TypeError, match='is no genotype: give'):
    network.build_network(value)

"""Golden numbers, one table read two ways, and what a cost depends on."""

import dataclasses
import itertools

import numpy as np
import pytest

from deeplab_nas.space import (
  ArchWeights,
  CellSpace,
  Genotype,
  Lattice,
  SearchSpace,
  arch_weights,
  primitives,
  zoo,
)
from deeplab_nas.space.cost import Cost, CostModel, format_shares
from tests.tf1 import official

# Filter multiplier -> parameters, those with a separable head, billions of
# multiply-adds at 1025 x 2049 and at 769 x 769.
GOLDEN = {
  20: (10_147_427, 7_784_507, 320.45, 90.8),
  32: (21_622_451, 18_526_211, 439.92, 124.8),
  48: (44_424_691, 40_350_691, 662.42, 188.3),
}
# Parameters of stem and cells, of ASPP, of decoder and logits.
GOLDEN_PARTS = {
  20: (7_030_832, 1_815_552, 1_301_043),
  32: (17_612_096, 2_706_432, 1_303_923),
  48: (39_222_656, 3_894_272, 1_307_763),
}


def model_of_width(filter_multiplier, **settings):
  return CostModel(SearchSpace(filter_multiplier=filter_multiplier), **settings)


@pytest.mark.parametrize('width', GOLDEN)
def test_published_network_has_the_papers_parameters(width):
  params, separable_params, _, _ = GOLDEN[width]
  genotype = zoo.load('auto_deeplab')
  assert model_of_width(width).of(genotype).params == params
  separable = model_of_width(width, separable_head=True)
  assert separable.of(genotype).params == separable_params


@pytest.mark.parametrize('width', GOLDEN)
def test_published_network_has_the_known_parameters_in_each_part(width):
  parts = model_of_width(width).breakdown(zoo.load('auto_deeplab'))
  backbone, aspp, decoder = GOLDEN_PARTS[width]
  assert list(parts) == ['stem', 'cells', 'aspp', 'decoder']
  assert parts['stem'].params == 112_832
  assert parts['stem'].params + parts['cells'].params == backbone
  assert parts['aspp'].params == aspp
  assert parts['decoder'].params == decoder


@pytest.mark.parametrize('width', GOLDEN)
def test_published_network_has_the_known_multiply_adds(width):
  _, _, whole_image, crop = GOLDEN[width]
  genotype = zoo.load('auto_deeplab')
  model = model_of_width(width)
  assert round(model.of(genotype).macs / 1e9, 2) == whole_image
  model = dataclasses.replace(model, image_size=(769, 769))
  assert round(model.of(genotype).macs / 1e9, 1) == crop


def test_parameters_equal_those_of_the_released_graph():
  sizes = {
    name: value.size
    for name, value in official.variables().items()
    if '/moving_' not in name
  }
  parts = model_of_width(official.WIDTH).breakdown(zoo.load('auto_deeplab'))
  cells = sum(n for name, n in sizes.items() if '/cell_' in name)
  decoder = sum(
    n
    for name, n in sizes.items()
    if name.startswith('decoder/') or 'logits' in name
  )
  assert parts['cells'].params == cells
  assert parts['decoder'].params == decoder
  assert sum(part.params for part in parts.values()) == sum(sizes.values())


SPACES = {
  'paper': SearchSpace(),
  'darts': SearchSpace(CellSpace(3, primitives.DARTS_PRIMITIVES), Lattice(4)),
  # F = 64: the stem's channels equal a block's, so one projection is dropped.
  'wide': SearchSpace(CellSpace(2), Lattice(3, (4, 8)), 64),
  'smallest': SearchSpace(CellSpace(1), Lattice(1, (4,)), 1),
  'fraction': SearchSpace(CellSpace(2), Lattice(5), 2.875),
}


@pytest.mark.parametrize('name', SPACES)
@pytest.mark.parametrize('separable_head', [False, True])
def test_expected_cost_of_one_architecture_is_its_cost(name, separable_head):
  space = SPACES[name]
  model = CostModel(space, 5, (97, 130), separable_head)
  rng = np.random.default_rng(0)
  for _ in range(50):
    genotype = space.random(rng)
    cost = model.of(genotype)
    assert all(type(number) is int for number in dataclasses.astuple(cost))
    assert model.expected(arch_weights.one_hot(genotype, space)) == cost


def test_expected_cost_knows_stem_and_head_too():
  space = SPACES['fraction']
  model = CostModel(space, 5, (97, 130), True, (16, 8, 32), 40, (2, 4), 8)
  genotype = space.random(np.random.default_rng(0))
  cost = model.expected(arch_weights.one_hot(genotype, space))
  assert cost == model.of(genotype)
  paper = CostModel(space, 5, (97, 130), True)
  assert cost.macs < paper.of(genotype).macs


@pytest.mark.parametrize('name', zoo.names())
def test_expected_cost_of_the_zoo_is_exact(name):
  genotype = zoo.load(name)
  model = CostModel(SearchSpace.containing(genotype, 48))
  weights = arch_weights.one_hot(genotype, model.space)
  assert model.expected(weights) == model.of(genotype)


def random_edge(lattice, rng):
  weights = rng.random(lattice.legal.shape) * lattice.legal
  total = weights.sum(-1, keepdims=True)
  return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


def test_expected_cost_is_the_mean_over_paths_and_cells():
  space = SearchSpace(
    CellSpace(1, (primitives.SKIP, primitives.SEP_CONV_3X3)),
    Lattice(4, (4, 8, 16)),
    3,
  )
  model = CostModel(space, 2, (65, 97))
  rng = np.random.default_rng(0)
  op = rng.dirichlet([1, 1], size=2)
  edge = random_edge(space.lattice, rng)
  names = [primitive.name for primitive in space.cell.primitives]
  mean = np.zeros(3)
  genotype = space.random(rng)
  for path in space.lattice.paths():
    path_prob = np.prod(
      [edge[item.index] for item in space.lattice.path_edges(path)]
    )
    for first, second in itertools.product(range(2), repeat=2):
      block = (('prev', names[first]), ('prev_prev', names[second]))
      genotype = dataclasses.replace(genotype, path=path, cell=(block,))
      prob = path_prob * op[0, first] * op[1, second]
      mean += prob * np.array(dataclasses.astuple(model.of(genotype)))
  expected = model.expected(ArchWeights(op, edge))
  np.testing.assert_allclose(dataclasses.astuple(expected), mean, rtol=1e-12)


def test_expected_cost_is_linear_in_op():
  model = model_of_width(8)
  rng = np.random.default_rng(0)
  edge = random_edge(model.space.lattice, rng)
  first, second = rng.random([2, 20, 8])

  def macs(op):
    return model.expected(ArchWeights(op, edge)).macs

  np.testing.assert_allclose(
    macs(0.3 * first + 0.7 * second),
    0.3 * macs(first) + 0.7 * macs(second),
    rtol=1e-12,
  )


def test_expected_cost_refuses_other_shapes():
  model = model_of_width(8)
  with pytest.raises(ValueError, match=r'op has shape \(20, 7\)'):
    model.expected(ArchWeights(np.zeros([20, 7]), np.zeros([12, 4, 3])))
  with pytest.raises(ValueError, match=r'edge has shape \(11, 4, 3\)'):
    model.expected(ArchWeights(np.zeros([20, 8]), np.zeros([11, 4, 3])))


def test_width_can_be_changed():
  model = model_of_width(8, num_classes=21, image_size=(513, 513))
  wider = model.with_filter_multiplier(20)
  assert wider == model_of_width(20, num_classes=21, image_size=(513, 513))
  genotype = zoo.load('auto_deeplab')
  assert model.of(genotype).params < wider.of(genotype).params


def test_classes_change_only_the_logits():
  genotype = zoo.load('auto_deeplab')
  few = model_of_width(20, num_classes=19).breakdown(genotype)
  many = model_of_width(20, num_classes=150).breakdown(genotype)
  added = 150 - 19
  assert many['decoder'].params - few['decoder'].params == added * 257
  assert many['decoder'].macs - few['decoder'].macs == added * 256 * 257 * 513
  for part in ('stem', 'cells', 'aspp'):
    assert many[part] == few[part]


def test_parameters_do_not_depend_on_the_image_but_the_rest_does():
  genotype = zoo.load('auto_deeplab')
  small = model_of_width(20, image_size=(129, 257)).of(genotype)
  large = model_of_width(20).of(genotype)
  assert small.params == large.params
  assert small.macs < large.macs / 50
  assert small.activation_bytes < large.activation_bytes / 50


def test_images_are_padded_to_a_multiple_of_32_plus_1():
  genotype = zoo.load('auto_deeplab')
  costs = [
    model_of_width(20, image_size=(side, 65)).of(genotype)
    for side in (34, 64, 65, 66)
  ]
  assert costs[0] == costs[1] == costs[2] != costs[3]


def test_a_path_that_stays_fine_pads_less():
  genotype = zoo.load('deeplabv3')  # down to stride 16
  costs = [
    model_of_width(20, image_size=(side, 65)).of(genotype)
    for side in (34, 48, 49, 50)
  ]
  assert costs[0] == costs[1] == costs[2] != costs[3]


def test_expected_cost_of_padded_images_is_the_mean_over_paths():
  space = SearchSpace(
    CellSpace(1, (primitives.SKIP, primitives.SEP_CONV_3X3)), Lattice(4), 3
  )
  model = CostModel(space, 2, (50, 70))
  rng = np.random.default_rng(0)
  op = rng.dirichlet([1, 1], size=2)
  edge = random_edge(space.lattice, rng)
  names = [primitive.name for primitive in space.cell.primitives]
  mean = np.zeros(3)
  for path in space.lattice.paths():
    edges = space.lattice.path_edges(path)
    path_prob = np.prod([edge[item.index] for item in edges])
    for first, second in itertools.product(range(2), repeat=2):
      block = (('prev', names[first]), ('prev_prev', names[second]))
      prob = path_prob * op[0, first] * op[1, second]
      cost = model.of(Genotype(path, (block,)))
      mean += prob * np.array(dataclasses.astuple(cost))
  expected = model.expected(ArchWeights(op, edge))
  np.testing.assert_allclose(dataclasses.astuple(expected), mean, rtol=1e-12)


def test_architectures_of_other_spaces_are_refused():
  model = CostModel(SearchSpace(lattice=Lattice(11)))
  with pytest.raises(ValueError, match='the lattice has 11 layers'):
    model.of(zoo.load('auto_deeplab'))


@pytest.mark.parametrize(
  'settings, message',
  [
    ({'num_classes': 0}, 'num_classes is 0'),
    ({'image_size': (0, 10)}, r'image_size is \(0, 10\)'),
    ({'image_size': (10, 10, 3)}, r'expected \(height, width\)'),
    ({'stem_filters': (64, 64)}, r'stem_filters is \(64, 64\)'),
    ({'head_filters': 0}, 'head_filters is 0'),
    ({'low_level_stride': 7}, 'low_level_stride is 7, expected one of 4, 8'),
  ],
)
def test_settings_are_checked(settings, message):
  with pytest.raises(ValueError, match=message):
    CostModel(**settings)


@pytest.mark.parametrize('stride', [8, 16])
def test_a_path_without_the_low_level_stride_counts_as_if_it_had_it(stride):
  """Tables and sums agree, where images need padding and where they do not."""
  genotype = zoo.load('auto_deeplab')
  flat = Genotype((0,) * 12, genotype.cell)
  weights = arch_weights.one_hot(flat, SearchSpace())
  for size in ((129, 129), (120, 150)):
    model = CostModel(image_size=size, low_level_stride=stride)
    assert not model.has_network(flat)
    expected = model.expected(weights)
    assert expected.macs == pytest.approx(model.of(flat).macs, rel=1e-9)
    # Two 3x3 convolutions of 256 filters on its feature map are the most of it.
    area = np.prod([-(-(side - 1) // stride) + 1 for side in size])
    macs = model.breakdown(flat)['decoder'].macs
    assert macs > area * 9 * (304 + 256) * 256


def test_costs_add_and_print():
  cost = Cost(1, 2, 3) + Cost(10, 20, 30)
  assert cost == Cost(11, 22, 33)
  published = model_of_width(20).of(zoo.load('auto_deeplab'))
  assert str(published) == (
    '10.15 M parameters, 320.45 B multiply-adds, 9.48 GB of activations'
  )


def test_the_breakdown_adds_up_and_its_shares_are_shown():
  genotype = zoo.load('auto_deeplab')
  for model in (
    model_of_width(20),
    model_of_width(8.25, stem_filters=(16, 16, 32), head_filters=64),
  ):
    parts = model.breakdown(genotype)
    assert sum(parts.values(), Cost()) == model.of(genotype)
  assert format_shares(model_of_width(20).breakdown(genotype)) == (
    'stem 9 %, cells 19 %, ASPP 18 %, decoder 53 %'
  )
  assert format_shares(parts, 'params').startswith('stem 1 %, cells 82 %')


def test_cells_decide_in_a_network_with_a_small_stem_and_head():
  """The published cell at F = 8 and 193 x 257 pixels, a separable head."""
  genotype = zoo.load('auto_deeplab')
  paper = model_of_width(8, image_size=(193, 257), separable_head=True)
  small = dataclasses.replace(paper, stem_filters=(16, 16, 32), head_filters=64)

  def share(model):
    return model.breakdown(genotype)['cells'].macs / model.of(genotype).macs

  assert share(paper) < 0.2 and share(small) > 0.6

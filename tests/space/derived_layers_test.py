"""Layer counts, checked against numbers worked out by hand."""

import pytest

from deeplab_nas.space import (
  CellSpace,
  Genotype,
  Lattice,
  SearchSpace,
  cost,
  operations,
  primitives,
)
from deeplab_nas.space.cost import Cost
from deeplab_nas.space.derived_layers import DerivedLayers
from deeplab_nas.space.lattice import Node
from deeplab_nas.space.operations import Operation

# 33 x 65: 17 x 33 at stride 2, then 9 x 17, 5 x 9, 3 x 5 and 2 x 3.
PIXELS = {2: 561, 4: 153, 8: 45, 16: 15, 32: 6}


class Counted(DerivedLayers):
  """The cost of every part in place of its operations."""

  def __getattribute__(self, name):
    value = super().__getattribute__(name)
    if name not in ('stem', 'cell', 'op', 'aspp', 'decoder', 'low_level'):
      return value
    return lambda *arguments: cost.total(value(*arguments))


def layers(num_blocks=2, filters=10, separable_head=False, **settings):
  space = SearchSpace(CellSpace(num_blocks), Lattice(4), filters)
  return Counted(space, 7, (33, 65), separable_head, **settings)


def test_sizes_align_corners():
  for stride, pixels in PIXELS.items():
    height, width = layers().size(stride)
    assert height * width == pixels


def test_stem_by_hand():
  cost = layers().stem()
  weights = 27 * 64, 9 * 64 * 64, 9 * 64 * 128
  assert cost.params == sum(weights) + 2 * (64 + 64 + 128)
  assert cost.macs == 561 * (weights[0] + weights[1]) + 153 * weights[2]
  # Conv, BN, ReLU; conv, BN, ReLU; conv, BN.
  assert cost.activation_bytes == 4 * (6 * 561 * 64 + 2 * 153 * 128)


# One operation at stride 8 (20 filters), in a cell that keeps its level:
# parameters, multiply-adds per pixel, outputs.
BY_HAND = {
  'none': (0, 0, 0),
  'skip_connect': (0, 0, 0),
  'max_pool_3x3': (0, 0, 1),
  'avg_pool_3x3': (0, 0, 1),
  'sep_conv_3x3': (2 * (180 + 400 + 40), 2 * 580, 8),
  'sep_conv_5x5': (2 * (500 + 400 + 40), 2 * 900, 8),
  'sep_conv_7x7': (2 * (980 + 400 + 40), 2 * 1380, 8),
  'atrous_conv_3x3': (9 * 400 + 40, 9 * 400, 3),
  'atrous_conv_5x5': (25 * 400 + 40, 25 * 400, 3),
  'dil_conv_3x3': (180 + 400 + 40, 580, 4),
  'dil_conv_5x5': (500 + 400 + 40, 900, 4),
}


@pytest.mark.parametrize('name', primitives.BY_NAME)
def test_operations_by_hand(name):
  params, macs, outputs = BY_HAND[name]
  primitive = primitives.BY_NAME[name]
  expected = Cost(params, 45 * macs, 4 * 45 * 20 * outputs)
  for prev_level in (1, 2):  # kept, and resized before the cell
    assert layers().op(primitive, True, prev_level, 1) == expected
  # On a way down only operations that read the cell's inputs have a stride.
  assert layers().op(primitive, False, 0, 1) == expected


@pytest.mark.parametrize('name', primitives.BY_NAME)
def test_strided_operations_by_hand(name):
  params, macs, outputs = BY_HAND[name]
  cost = layers().op(primitives.BY_NAME[name], True, 0, 1)
  if name == 'skip_connect':  # ReLU, 1x1, BN
    expected = Cost(440, 45 * 400, 4 * 20 * (153 + 2 * 45))
  elif 'conv' in name:  # the ReLU is at the finer size
    resize = 'sep' not in name and 'dil' not in name
    coarse = outputs - 1 + resize
    expected = Cost(params, 45 * macs, 4 * 20 * (153 + coarse * 45))
  else:
    expected = Cost(params, 45 * macs, 4 * 20 * outputs * 45)
  assert cost == expected


def test_unknown_kinds_are_named():
  stranger = primitives.Primitive('x', 'swirl')
  with pytest.raises(
    ValueError, match="kind 'swirl'; costs are known for none"
  ):
    layers().op(stranger, True, 0, 0)


def test_every_preset_kind_has_a_cost():
  kinds = {primitive.kind for primitive in primitives.BY_NAME.values()}
  assert kinds == set(operations.PRIMITIVE_KINDS)


def test_cell_that_goes_down_by_hand():
  # Two blocks of 20 filters at stride 8 from 20 channels at stride 4. `prev`
  # is projected even so; `prev_prev`, of 20 channels too, is not.
  cost = layers().cell(Node(1, 0), Node(2, 0), Node(3, 1))
  assert cost.params == 20 * 20 + 40
  assert cost.macs == 153 * 400
  # ReLU, 1x1, BN at the finer size; two additions, one concatenation.
  assert cost.activation_bytes == 4 * (3 * 153 * 20 + 4 * 45 * 20)


def test_cell_that_goes_up_by_hand():
  # From 80 channels at stride 16 to 20 filters at stride 8; `prev_prev` has 40
  # channels at stride 8.
  cost = layers().cell(Node(1, 1), Node(2, 2), Node(3, 1))
  assert cost.params == (80 + 40) * 20 + 2 * 40
  assert cost.macs == 45 * 120 * 20
  resize, projections = 80, (80 + 2 * 20) + (40 + 2 * 20)
  assert cost.activation_bytes == 4 * 45 * (resize + projections + 4 * 20)


def test_prev_prev_of_another_size_is_resized():
  same = layers().cell(Node(1, 1), Node(2, 1), Node(3, 1))
  resized = layers().cell(Node(1, 0), Node(2, 1), Node(3, 1))
  # From 20 channels: resized, no projection. From 40: a projection.
  difference = same.activation_bytes - resized.activation_bytes
  assert difference == 4 * 45 * ((40 + 2 * 20) - 20)
  assert same.params - resized.params == 40 * 20 + 40


def test_first_cell_reads_the_stem():
  cost = layers().cell(Node(-1, 0), Node(0, 0), Node(1, 0))
  assert cost.params == (64 + 128) * 10 + 2 * 20
  inputs = 64 + (64 + 2 * 10) + (128 + 2 * 10)  # one resize, two projections
  assert cost.activation_bytes == 4 * 153 * (inputs + 4 * 10)


def test_last_cell_ends_in_a_relu():
  third = layers().cell(Node(1, 0), Node(2, 0), Node(3, 0))
  fourth = layers().cell(Node(2, 0), Node(3, 0), Node(4, 0))
  assert fourth.params == third.params and fourth.macs == third.macs
  assert fourth.activation_bytes - third.activation_bytes == 4 * 153 * 20


def test_low_level_features_come_from_the_stem_if_the_path_goes_down_at_once():
  assert layers().low_level(0).params == 20 * 48 + 96
  assert layers().low_level(1).params == 128 * 48 + 96


def test_aspp_by_hand():
  cost = layers().aspp(1)  # 40 channels, 45 pixels
  pooled, small, atrous = 40 * 256, 40 * 256, 9 * 40 * 256
  projection = 1280 * 256
  assert cost.params == pooled + small + 3 * atrous + projection + 6 * 512
  assert cost.macs == pooled + 45 * (small + 3 * atrous + projection)
  # Mean, conv, BN, ReLU of one pixel; resize; 1x1 and three 3x3 branches and
  # the projection with three outputs each; the concatenation of five.
  assert cost.activation_bytes == 4 * (
    40 + 3 * 256 + 45 * 256 * (1 + 5 * 3 + 5)
  )


def test_decoder_resizes_only_features_coarser_than_stride_4():
  fine, coarse = layers().decoder(0), layers().decoder(1)
  assert (fine.params, fine.macs) == (coarse.params, coarse.macs)
  assert coarse.activation_bytes - fine.activation_bytes == 4 * 153 * 256
  assert fine.params == 9 * (304 + 256) * 256 + 2 * 512 + 7 * 257


def test_separable_convolutions_normalise_both_parts():
  cost = layers(separable_head=True).decoder(0)
  convolutions = [9 * n + 2 * n + n * 256 + 512 for n in (304, 256)]
  assert cost.params == sum(convolutions) + 7 * 257


def test_stem_and_head_of_other_widths_by_hand():
  narrow = layers(stem_filters=(16, 8, 32), head_filters=64, aspp_rates=(2, 4))
  assert narrow.stem().params == 9 * (3 * 16 + 16 * 8 + 8 * 32) + 2 * 56
  # The first cell reads 32 and 8 channels, the low-level projection has 12.
  assert narrow.cell(Node(-1, 0), Node(0, 0), Node(1, 0)).params == (
    (32 + 8) * 10 + 2 * 20
  )
  assert narrow.low_level(1).params == 32 * 12 + 24
  assert narrow.low_level(0).params == 20 * 12 + 24
  # Mean's and plain 1x1, two atrous 3x3, the projection of four.
  assert narrow.aspp(1).params == (
    2 * 40 * 64 + 2 * 9 * 40 * 64 + 4 * 64 * 64 + 5 * 128
  )
  assert narrow.decoder(0).params == 9 * (76 + 64) * 64 + 2 * 128 + 7 * 65


def test_operations_of_a_network_in_order():
  """Down to stride 8 and back: two cells with one block."""
  cell = ((('prev', 'atrous_conv_3x3'), ('prev_prev', 'skip_connect')),)
  genotype = Genotype((1, 0), cell)
  space = SearchSpace(CellSpace(1), Lattice(2), 10)
  parts = DerivedLayers(space, 7, (33, 65)).of(genotype)
  assert parts['stem'] == (
    Operation('conv_bn_relu', 3, 1, 2, 3, 64, 17, 33),
    Operation('conv_bn_relu', 3, 1, 1, 64, 64, 17, 33),
    Operation('conv_bn', 3, 1, 2, 64, 128, 9, 17),
  )
  assert parts['cells'] == (
    # The first one reads at stride 4 and goes down in its operations.
    Operation('downsample', 1, 1, 2, 64, 64, 9, 17),
    Operation('relu_conv_bn', 1, 1, 1, 128, 20, 9, 17),
    Operation('relu_conv_bn', 1, 1, 1, 64, 20, 9, 17),
    Operation('add', 1, 1, 1, 20, 20, 5, 9),
    Operation('concat', 1, 1, 1, 20, 20, 5, 9),
    Operation('atrous_conv', 3, 1, 2, 20, 20, 5, 9),
    Operation('skip', 1, 1, 2, 20, 20, 5, 9),
    # The second one is resized before; its H^{l-2} is the stem's.
    Operation('upsample', 1, 1, 2, 20, 20, 9, 17),
    Operation('relu_conv_bn', 1, 1, 1, 20, 10, 9, 17),
    Operation('relu_conv_bn', 1, 1, 1, 128, 10, 9, 17),
    Operation('add', 1, 1, 1, 10, 10, 9, 17),
    Operation('concat', 1, 1, 1, 10, 10, 9, 17),
    Operation('relu', 1, 1, 1, 10, 10, 9, 17),
    Operation('atrous_conv', 3, 2, 1, 10, 10, 9, 17),
  )
  assert parts['aspp'][0] == Operation('mean', 1, 1, 1, 10, 10, 9, 17)
  assert [op.rate for op in parts['aspp']] == [1, 1, 1, 1, 12, 24, 36, 1, 1]
  assert [op.kind for op in parts['decoder']] == [
    'conv_bn_relu',
    'concat',
    'decoder_conv_bn_relu',
    'decoder_conv_bn_relu',
    'logits',
    'upsample',
  ]
  assert parts['decoder'][-1] == Operation('upsample', 1, 1, 4, 7, 7, 33, 65)


def test_low_level_features_of_another_stride():
  coarse = layers(low_level_stride=8)
  # Of 20 filters a block, whether the path goes down at once or not.
  assert coarse.low_level(0) == coarse.low_level(1)
  assert coarse.low_level(0).params == 40 * 48 + 96
  assert coarse.low_level(0).macs == 45 * 40 * 48
  assert coarse.decoder(1).macs == 45 * (9 * (304 + 256) * 256 + 256 * 7)
  # ASPP's output at stride 4 or 16 is resized.
  bytes_by_level = [
    coarse.decoder(level).activation_bytes for level in range(3)
  ]
  resized = 4 * 45 * 256
  assert bytes_by_level[0] == bytes_by_level[2] == bytes_by_level[1] + resized
  plain = DerivedLayers(
    SearchSpace(CellSpace(2), Lattice(4), 10), 7, (33, 65), low_level_stride=8
  )
  finer, same, coarser = (plain.decoder(level)[0] for level in range(3))
  assert finer == Operation('downsample', 1, 1, 2, 256, 256, 5, 9)
  assert same.kind == 'concat'
  assert coarser == Operation('upsample', 1, 1, 2, 256, 256, 5, 9)
  assert plain.decoder(1)[-1] == Operation('upsample', 1, 1, 8, 7, 7, 33, 65)

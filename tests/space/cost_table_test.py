"""Layer counts, checked against numbers worked out by hand."""

import numpy as np
import pytest

from deeplab_nas.space import (
  CellSpace,
  Lattice,
  SearchSpace,
  cost_table,
  primitives,
)
from deeplab_nas.space.cost_table import Cost, DerivedLayers
from deeplab_nas.space.lattice import Node

# 33 x 65: 17 x 33 at stride 2, then 9 x 17, 5 x 9, 3 x 5 and 2 x 3.
PIXELS = {2: 561, 4: 153, 8: 45, 16: 15, 32: 6}


def layers(num_blocks=2, filters=10, separable_head=False):
  space = SearchSpace(CellSpace(num_blocks), Lattice(4), filters)
  return DerivedLayers(space, 7, (33, 65), separable_head)


def test_sizes_align_corners():
  for stride, pixels in PIXELS.items():
    assert layers().pixels(stride) == pixels


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
  assert kinds == set(cost_table.OP_COSTS)


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


def test_table_has_zeros_exactly_where_no_edge_is():
  table = layers().table()
  assert table.cell.shape == (4, 4, 4, 4, 3)
  assert table.op.shape == (4, 4, 5, 8, 3)
  used = table.op.any((2, 3, 4))
  levels = np.arange(4)
  np.testing.assert_array_equal(used, abs(levels[:, None] - levels) <= 1)
  by_layer = table.cell.any((1, 4))  # [L, S, S]
  for layer in range(4):
    expected = {
      (edge.source.level, edge.target.level)
      for edge in Lattice(4).edges
      if edge.target.layer == layer + 1
    }
    assert set(map(tuple, np.argwhere(by_layer[layer]))) == expected

"""What describes an architecture."""

import numpy as np
import pytest

from deeplab_nas.search.trials.learnt import features
from deeplab_nas.space import genotype as genotype_lib
from tests.search.trials import studies

GENOTYPE = genotype_lib.Genotype(
  (0, 1, 2, 1, 1, 2),
  (
    (('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),
    (('prev', 'sep_conv_3x3'), ('block_0', 'sep_conv_5x5')),
  ),
)


def described(space=studies.MIDDLE, genotype=GENOTYPE, more=None):
  of_space = features.Features(space, more)
  (row,) = of_space([genotype])
  return dict(zip(of_space.names, row))


def test_a_path_is_described_by_hand():
  row = described()
  shares = [row[f'share of level {level}'] for level in range(4)]
  assert shares == pytest.approx([1 / 6, 3 / 6, 2 / 6, 0])
  assert row['last level'] == pytest.approx(2 / 3)
  assert row['mean level'] == pytest.approx(7 / 6 / 3)
  assert row['level of layer 3'] == pytest.approx(2 / 3)
  assert row['moves down'] == pytest.approx(3 / 6)
  assert row['moves up'] == pytest.approx(1 / 6)
  assert row['turns'] == pytest.approx(2 / 6)


def test_a_cell_is_described_by_hand():
  row = described()
  assert row['share of sep_conv_3x3'] == 0.5
  assert row['share of atrous_conv_3x3'] == 0
  assert row['share from prev'] == 0.5
  assert row['share from block'] == row['sep_conv_5x5 from block'] == 0.25
  assert (row['depth'], row['mean depth']) == (1.0, 0.75)


def test_convolutions_are_counted_along_the_ways_through_a_cell():
  row = described()
  assert row['convolutions'] == 0.75 and row['skips'] == 0.25
  assert row['large windows'] == 0.25
  # A signal reaches block 0 by the skip or one convolution, and block 1 by one,
  # or by two of which the first is in block 0.
  assert row['fewest convolutions'] == pytest.approx((0 + 1) / 2 / 2)
  assert row['most convolutions'] == pytest.approx((1 + 2) / 2 / 2)


def test_a_few_columns_count_most():
  of_space = features.Features(studies.MIDDLE)
  weights = dict(zip(of_space.names, of_space.weights))
  assert weights['convolutions'] == weights['share of level 3'] == 0.1
  assert weights['depth'] < 0.02
  assert sum(weights.values()) == pytest.approx(1.3)


def test_further_features_come_last():
  row = described(more={'log cell MACs': lambda genotype: 7.5})
  assert list(row)[-1] == 'log cell MACs' and row['log cell MACs'] == 7.5


@pytest.mark.parametrize('space', [studies.TINY, studies.MIDDLE, studies.PAPER])
def test_features_are_finite_within_0_and_1_and_tell_architectures_apart(space):
  genotypes = studies.genotypes(space, 40)
  rows = features.Features(space)(genotypes)
  assert rows.shape == (40, len(set(features.Features(space).names)))
  assert rows.min() >= 0 and rows.max() <= 1
  assert len(np.unique(rows, axis=0)) == 40


def test_of_nothing_there_are_no_rows():
  of_space = features.Features(studies.MIDDLE)
  assert of_space([]).shape == (0, len(of_space.names))

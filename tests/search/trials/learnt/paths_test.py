"""Architectures as the paths that they have."""

import numpy as np
import pytest

from deeplab_nas.search.trials.learnt import paths
from deeplab_nas.space import genotype as genotype_lib
from tests.search.trials import studies

GENOTYPE = genotype_lib.Genotype(
  (0, 1, 1, 2, 1, 0),
  (
    (('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),
    (('block_0', 'sep_conv_5x5'), ('prev', 'max_pool_3x3')),
  ),
)
SPACE = studies.PAPER.__class__(
  studies.PAPER.cell.__class__(2), studies.MIDDLE.lattice
)


def named(genotype):
  encoding = paths.PathEncoding(SPACE)
  (row,) = encoding([genotype])
  return {name for name, value in zip(encoding.names, row) if value == 1}


def test_an_architecture_is_the_levels_and_the_ways_to_its_blocks():
  assert named(GENOTYPE) == {
    *('level 0 in layer 1', 'level 1 in layer 2', 'level 1 in layer 3'),
    *('level 2 in layer 4', 'level 1 in layer 5', 'level 0 in layer 6'),
    *('prev > sep_conv_3x3', 'prev_prev > skip_connect'),
    *('prev > sep_conv_3x3 > sep_conv_5x5', 'prev > max_pool_3x3'),
    'prev_prev > skip_connect > sep_conv_5x5',
  }


def test_ways_longer_than_two_primitives_are_left_out():
  deep = genotype_lib.Genotype(
    GENOTYPE.path,
    (*GENOTYPE.cell, (('block_1', 'sep_conv_3x3'), ('prev', 'max_pool_3x3'))),
  )
  encoding = paths.PathEncoding(type(SPACE)(type(SPACE.cell)(3), SPACE.lattice))
  (row,) = encoding([deep])
  ways = {n for n, value in zip(encoding.names, row) if value and '>' in n}
  assert ways == {n for n in named(GENOTYPE) if '>' in n} | {
    'prev > max_pool_3x3 > sep_conv_3x3'
  }


@pytest.mark.parametrize('space', [studies.TINY, studies.MIDDLE, studies.PAPER])
def test_there_are_as_many_columns_as_levels_and_ways(space):
  encoding = paths.PathEncoding(space)
  count = sum(not p.is_none for p in space.cell.primitives)
  levels = len(space.lattice.nodes)
  assert len(set(encoding.names)) == levels + 2 * (count + count**2)
  rows = encoding(studies.genotypes(space, 30))
  assert rows.shape == (30, len(encoding.names))
  assert (rows[:, :levels].sum(1) == space.lattice.num_layers).all()
  assert np.isin(rows, (0, 1)).all()
  assert encoding([]).shape == (0, len(encoding.names))

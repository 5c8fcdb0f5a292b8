"""One-hot weights, entropy and the check of arrays."""

import math

import numpy as np
import pytest

from deeplab_nas.space import (
  CellSpace,
  Genotype,
  Lattice,
  SearchSpace,
  arch_weights,
  zoo,
)


def test_one_hot_marks_every_connection_and_transition():
  space = SearchSpace(CellSpace(2), Lattice(3))
  genotype = Genotype(
    (0, 1, 1),
    (
      (('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),
      (('block_0', 'max_pool_3x3'), ('prev', 'atrous_conv_5x5')),
    ),
  )
  weights = arch_weights.one_hot(genotype, space)
  assert weights.op.dtype == weights.transition.dtype == np.float32
  assert np.argwhere(weights.op).tolist() == [[0, 4], [1, 3], [2, 7], [4, 1]]
  assert np.argwhere(weights.transition).tolist() == [
    [0, 0, 1],
    [1, 0, 2],
    [2, 1, 1],
  ]
  assert weights.op.sum() == 4 and weights.transition.sum() == 3


def test_one_hot_counts_a_connection_that_stands_twice():
  space = SearchSpace(CellSpace(1), Lattice(1))
  block = (('prev', 'skip_connect'), ('prev', 'skip_connect'))
  weights = arch_weights.one_hot(Genotype((0,), (block,)), space)
  assert weights.op[0, 3] == 2 and weights.op.sum() == 2


def test_one_hot_refuses_architectures_of_another_space():
  with pytest.raises(ValueError, match='the space has 3'):
    arch_weights.one_hot(zoo.load('auto_deeplab'), SearchSpace(CellSpace(3)))


def test_entropy_of_known_distributions():
  probs = [[1, 0, 0, 0], [0.25] * 4, [0.5, 0.5, 0, 0]]
  np.testing.assert_allclose(
    arch_weights.entropy(probs), [0, math.log(4), math.log(2)], atol=1e-15
  )


def test_checked_array_names_what_is_wrong():
  np.testing.assert_array_equal(
    arch_weights.checked_array([[1, 2]], (1, 2), 'x'), [[1.0, 2.0]]
  )
  with pytest.raises(ValueError, match=r'x has shape \(2,\), expected \(3,\)'):
    arch_weights.checked_array([1, 2], (3,), 'x')
  with pytest.raises(ValueError, match='x has a value that is not finite'):
    arch_weights.checked_array([math.nan], (1,), 'x')


def test_a_file_keeps_every_digit(tmp_path):
  space = SearchSpace(CellSpace(2), Lattice(3))
  rng = np.random.default_rng(0)
  weights = arch_weights.ArchWeights(
    rng.random([5, 8], np.float32), rng.random([3, 4, 3], np.float32)
  )
  arch_weights.save(weights, tmp_path / 'weights.json')
  found = arch_weights.load(tmp_path / 'weights.json', space)
  for values, expected in zip(found, weights):
    np.testing.assert_array_equal(values, expected)


@pytest.mark.parametrize(
  'content, message',
  [
    ('', 'Expecting value'),
    ('[]', 'it holds no weights of version 1'),
    ('{"version": 2}', 'it holds no weights of version 1'),
    ('{"version": 1}', 'op'),
    ('{"version": 1, "op": [[1]], "transition": 1}', r'op has shape \(1, 1\)'),
    ('{"version": 1, "op": [["a"]], "transition": 1}', 'could not convert'),
    ('{"version": 1, "op": [[NaN, 1]], "transition": 1}', 'op has'),
  ],
)
def test_files_without_weights_are_refused(tmp_path, content, message):
  file = tmp_path / 'weights.json'
  file.write_text(content)
  with pytest.raises(ValueError, match=f'^{file}: .*{message}'):
    arch_weights.load(file, SearchSpace())


def test_negative_weights_and_missing_files_are_refused(tmp_path):
  space = SearchSpace(CellSpace(1), Lattice(1))
  file = tmp_path / 'weights.json'
  weights = arch_weights.ArchWeights(-np.ones([2, 8]), np.ones([1, 4, 3]))
  arch_weights.save(weights, file)
  with pytest.raises(ValueError, match='it has a negative weight'):
    arch_weights.load(file, space)
  with pytest.raises(ValueError, match='No such file'):
    arch_weights.load(tmp_path / 'elsewhere.json', space)

"""Distributions over whole paths against enumeration, in both libraries."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import special

from deeplab_nas.space import Lattice, SearchSpace, decode
from deeplab_nas.space.cost import CostModel
from deeplab_nas.space.decoding import path_logits
from tests.space import enumeration

GRIDS = [
  Lattice(1),
  Lattice(3, (4, 8, 16)),
  Lattice(5),
  Lattice(3, (4,)),
]


def random_logits(grid, seed=0, scale=1.0):
  return np.random.default_rng(seed).normal(0, scale, grid.legal.shape)


def path_probs(logits, grid):
  """Every path with its probability."""
  paths = list(grid.paths())
  sums = [sum(logits[e.index] for e in grid.path_edges(p)) for p in paths]
  return list(zip(paths, special.softmax(sums)))


def chain(logits, grid):
  """The softmax over the moves out of each node."""
  moves = path_logits.move_logits(logits, grid)
  masked = np.where(grid.legal, moves, -np.inf)
  masked[~grid.legal.any(-1)] = 0
  return np.where(grid.legal, special.softmax(masked, -1), 0)


@pytest.mark.parametrize('grid', GRIDS)
def test_each_path_is_as_probable_as_its_logits_say(grid):
  logits = random_logits(grid)
  moves = chain(logits, grid)
  for path, prob in path_probs(logits, grid):
    product = np.prod([moves[e.index] for e in grid.path_edges(path)])
    assert product == pytest.approx(prob, rel=1e-10)


def test_many_logits_at_once_are_each_their_own():
  grid = GRIDS[1]
  many = np.stack([random_logits(grid, seed) for seed in range(4)])
  found = path_logits.move_logits(many, grid)
  for one, logits in zip(found, many):
    np.testing.assert_allclose(one, path_logits.move_logits(logits, grid))


@pytest.mark.parametrize('scale', [1.0, 1e4])
def test_tensors_have_the_values_of_arrays_and_finite_gradients(scale):
  grid = Lattice(5)
  logits = random_logits(grid, scale=scale)
  tensor = tf.constant(logits)
  with tf.GradientTape() as tape:
    tape.watch(tensor)
    found = path_logits.move_logits(tensor, grid, tf)
    total = tf.reduce_sum(found)
  np.testing.assert_allclose(
    found, path_logits.move_logits(logits, grid), rtol=1e-12
  )
  gradient = tape.gradient(total, tensor).numpy()
  assert np.isfinite(gradient).all()
  np.testing.assert_array_equal(gradient[~grid.legal], 0)


def test_what_is_read_off_is_the_most_probable_path():
  space = SearchSpace(enumeration.SMALL.cell, Lattice(5), 2, paths='global')
  differs = 0
  for seed in range(20):
    logits = random_logits(space.lattice, seed)
    weights = enumeration.random_weights(space, np.random.default_rng(seed))
    weights = weights._replace(transition=chain(logits, space.lattice))
    best, _ = max(path_probs(logits, space.lattice), key=lambda each: each[1])
    assert decode.decode(weights, space).path == best
    assert decode.k_best_genotypes(weights, space, 1)[0].genotype.path == best
    path = decode.decode_path(weights.transition, space.lattice, decode.RATIO)
    differs += path != best
  assert differs  # so the score of the space counts


def test_expected_costs_are_the_mean_over_all_paths():
  space = SearchSpace(enumeration.SMALL.cell, Lattice(4), 3, paths='global')
  model = CostModel(space, 4, (65, 97))
  logits = random_logits(space.lattice, 3)
  genotype = space.random(0)
  weights = enumeration.random_weights(space, np.random.default_rng(0))
  op = np.zeros_like(weights.op)
  names = [primitive.name for primitive in space.cell.primitives]
  for edge, name in genotype.edges():
    op[space.cell.edge_index(*edge), names.index(name)] += 1
  weights = weights._replace(op=op, transition=chain(logits, space.lattice))
  mean = sum(
    prob * model.of(type(genotype)(path, genotype.cell)).macs
    for path, prob in path_probs(logits, space.lattice)
  )
  assert model.expected(weights).macs == pytest.approx(mean, rel=1e-12)

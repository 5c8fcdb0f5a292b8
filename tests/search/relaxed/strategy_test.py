"""What every strategy has to keep: one test for all that there are."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.search import strategies
from deeplab_nas.search.relaxed import strategy
from tests.search import tiny


def prefers_the_first_primitive(batch, weights):
  """A loss that is lowest with everything on primitive 0 and move `same`."""
  del batch
  return -tf.reduce_sum(weights.op[:, 0]) - tf.reduce_sum(
    weights.transition[..., 1]
  )


def build(name, seed=0):
  config = config_lib.SearchConfig(strategy=name, arch_learning_rate=0.1)
  return strategy.build(tiny.SPACE, config, seed)


@pytest.mark.parametrize(
  'name',
  [
    name
    for name, entry in strategies.STRATEGIES.items()
    if entry.family == 'relaxed'
  ],
)
class TestContract:
  def test_weights_are_distributions(self, name):
    op, edge = build(name).arch_weights()
    np.testing.assert_allclose(np.sum(op, -1), 1, rtol=1e-6)
    legal = tiny.SPACE.lattice.legal
    np.testing.assert_allclose(np.sum(edge, -1)[legal.any(-1)], 1, rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(edge)[~legal], 0)

  def test_genotype_is_in_the_space(self, name):
    assert build(name).genotype() in tiny.SPACE

  def test_follows_the_loss(self, name):
    searched = build(name)
    before = searched.arch_weights()
    for _ in range(30):
      searched.update(tiny.batch(0), prefers_the_first_primitive)
    after = searched.arch_weights()
    assert np.all(after.op[:, 0] > before.op[:, 0] + 0.1)
    first = tiny.SPACE.cell.primitives[0].name
    assert {p for _, p in searched.genotype().edges()} == {first}
    assert searched.genotype().path == (0, 0)

  def test_equal_seeds_give_equal_searches(self, name):
    outcomes = []
    for seed in (5, 5):
      searched = build(name, seed)
      for _ in range(3):
        searched.update(tiny.batch(0), prefers_the_first_primitive)
      outcomes.append(searched.arch_weights())
    for a, b in zip(*outcomes):
      np.testing.assert_array_equal(a, b)

  def test_checkpoint_holds_everything(self, name, tmp_path):
    searched, restored = build(name), build(name, seed=9)
    searched.update(tiny.batch(0), prefers_the_first_primitive)
    path = tf.train.Checkpoint(strategy=searched).save(str(tmp_path / 'c'))
    status = tf.train.Checkpoint(strategy=restored).restore(path)
    status.assert_existing_objects_matched()
    for each in (searched, restored):
      each.update(tiny.batch(0), prefers_the_first_primitive)
    for a, b in zip(searched.arch_weights(), restored.arch_weights()):
      np.testing.assert_array_equal(a, b)


def test_unknown_strategy_names_the_known_ones():
  config = config_lib.SearchConfig(strategy='guess')
  with pytest.raises(errors.UserError, match="'guess'.*first_order"):
    strategy.build(tiny.SPACE, config, 0)

"""The paper's strategy: Adam with L2 decay on alpha and beta."""

import numpy as np
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.search.relaxed import first_order
from deeplab_nas.space import cell_space, lattice, search_space
from tests.search import tiny


def test_first_step_is_adams_on_gradient_plus_decay():
  config = config_lib.SearchConfig(
    arch_learning_rate=0.1, arch_weight_decay=0.5, arch_init_stddev=1.0
  )
  strategy = first_order.FirstOrder(tiny.SPACE, config, seed=1)
  alpha = strategy.params.alpha.numpy()
  # The loss is flat in alpha, so that only the decay moves it: Adam's first
  # step has the length of the learning rate whatever the gradient's.
  strategy.update(
    tiny.arch_step(lambda batch, weights: tf.reduce_sum(weights.op))
  )
  step = strategy.params.alpha.numpy() - alpha
  np.testing.assert_allclose(step, -0.1 * np.sign(alpha), rtol=1e-2)


def test_loss_is_returned():
  strategy = first_order.FirstOrder(tiny.SPACE, config_lib.SearchConfig(), 0)
  loss = strategy.update(
    tiny.arch_step(lambda batch, weights: 7.0 + 0 * tf.reduce_sum(weights.op))
  )
  assert float(loss) == 7.0


def test_gamma_alone_decides_which_edges_are_kept():
  space = search_space.SearchSpace(
    cell_space.CellSpace(2), lattice.Lattice(2), 4, partial_channels=2
  )
  config = config_lib.SearchConfig(arch_init_stddev=0.0)
  strategy = first_order.FirstOrder(space, config, 0)
  strategy.params.gamma.assign([0, 0, -1, 1, 2])
  block = strategy.genotype().cell[1]
  assert {source for source, _ in block} == {'prev_prev', 'block_0'}


def test_the_score_of_a_path_is_a_setting():
  """Even betas, but for a preference that the paper's product outweighs."""
  space = search_space.SearchSpace(
    cell_space.CellSpace(1), lattice.Lattice(4, (4, 8, 16)), 4
  )

  def path(score):
    config = config_lib.SearchConfig(arch_init_stddev=0.0, decode=score)
    strategy = first_order.FirstOrder(space, config, 0)
    beta = strategy.params.beta.numpy()
    beta[:, 0, lattice.DOWN] = 0.1
    strategy.params.beta.assign(beta)
    return strategy.genotype().path

  assert path('product') == (0, 0, 0, 1)
  assert path('ratio')[0] == 1


def test_a_loss_that_is_no_number_teaches_nothing():
  config = config_lib.SearchConfig(arch_weight_decay=0.0)
  strategy = first_order.FirstOrder(tiny.SPACE, config, seed=1)
  before = [x.numpy() for x in strategy.params.trainable_variables]
  value = strategy.update(
    tiny.arch_step(
      lambda batch, weights: float('nan') * tf.reduce_sum(weights.op)
    )
  )
  assert np.isnan(value)
  for variable, old in zip(strategy.params.trainable_variables, before):
    np.testing.assert_array_equal(variable, old)

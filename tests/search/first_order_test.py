"""The paper's strategy: Adam with L2 decay on alpha and beta."""

import numpy as np
import tensorflow as tf

from deeplab_nas import config as config_lib
from deeplab_nas.search import first_order
from tests.search import tiny


def test_first_step_is_adams_on_gradient_plus_decay():
  config = config_lib.SearchConfig(
    arch_learning_rate=0.1, arch_weight_decay=0.5, arch_init_stddev=1.0
  )
  strategy = first_order.FirstOrder(tiny.SPACE, config, seed=1)
  alpha = strategy.params.alpha.numpy()
  # The loss is flat in alpha, so that only the decay moves it: Adam's first
  # step has the length of the learning rate whatever the gradient's.
  strategy.update(None, lambda batch, weights: tf.reduce_sum(weights.op))
  step = strategy.params.alpha.numpy() - alpha
  np.testing.assert_allclose(step, -0.1 * np.sign(alpha), rtol=1e-2)


def test_loss_is_returned():
  strategy = first_order.FirstOrder(tiny.SPACE, config_lib.SearchConfig(), 0)
  loss = strategy.update(
    None, lambda batch, weights: 7.0 + 0 * tf.reduce_sum(weights.op)
  )
  assert float(loss) == 7.0

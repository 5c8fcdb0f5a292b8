"""Random walks: what they are, and what they say of noise and of signal."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.report import arch_evidence
from deeplab_nas.search.relaxed import first_order, noise_walks
from deeplab_nas.space import arch_weights, decode, search_space
from tests.search import tiny

SPACE = search_space.SearchSpace()


def linear(slopes, weights):
  return tf.add_n([tf.reduce_sum(s * w) for s, w in zip(slopes, weights)])


class Search:
  """A first-order strategy that gets the gradients it is told to get."""

  def __init__(self, space=SPACE, passes=None, seed=0, **settings):
    config = config_lib.SearchConfig(**settings)
    self.space = space
    self.strategy = first_order.FirstOrder(space, config, seed)
    self.step = tf.Variable(0, dtype=tf.int64)
    self.walks = noise_walks.beside(
      self.strategy, passes, lambda: self.step, seed
    )
    self._compiled = tf.function(self._update, autograph=False)

  def _update(self, wanted):
    """Logits get the gradient wanted: the loss is linear in them."""
    variables = self.strategy.learnt.values()
    with tf.GradientTape() as tape:
      loss = tf.add_n([tf.reduce_sum(w * v) for w, v in zip(wanted, variables)])
    gradients = tape.gradient(loss, list(variables))
    self.strategy.on_gradients(gradients)
    self.strategy.optimizer.apply_gradients(
      zip(self.strategy.regularized(gradients, variables), variables)
    )
    self.step.assign_add(1)

  def run(self, num_steps, scale, planted=0.0, seed=0):
    """Gradients from N(planted, 1) * scale, planted alike in every step."""
    rng = np.random.default_rng(seed)
    shapes = [v.shape for v in self.strategy.learnt.values()]
    mean = [planted * rng.choice([-1, 1], each) for each in shapes]
    for _ in range(num_steps):
      self._compiled(
        [
          tf.constant(scale * (m + rng.normal(size=m.shape)), tf.float32)
          for m in mean
        ]
      )
    return self

  def learn_noise(self, num_steps, scale, seed=0):
    """Real updates by a loss whose slopes are drawn from N(0, scale**2)."""
    rng = np.random.default_rng(seed)

    @tf.function(autograph=False)
    def update(*slopes):
      return self.strategy.update(tiny.arch_step(linear, slopes))

    for _ in range(num_steps):
      shapes = (v.shape for v in self.strategy.learnt.values())
      update(
        *(tf.constant(rng.normal(0, scale, x), tf.float32) for x in shapes)
      )
      self.step.assign_add(1)
    return self

  def evidence(self):
    return arch_evidence.weigh(self.walks.read(), self.space, decode.RATIO)

  def entropy_drops(self, logits):
    """Of alpha and beta, [2, ...], from what even weights have."""
    alpha = tf.nn.softmax(logits['alpha'])
    legal = self.space.lattice.legal
    beta = tf.nn.softmax(tf.where(legal, logits['beta'], -np.inf))
    exists = legal.any(-1)
    highest = np.log(legal.sum(-1)[exists]).mean()
    beta = arch_weights.entropy(beta)[..., exists].mean(-1)
    return np.log(alpha.shape[-1]) - arch_weights.entropy(alpha).mean(
      -1
    ), highest - beta


def test_noise_lowers_entropies_as_much_as_a_search_that_learnt_nothing():
  """352 steps at a rate of 0.01, as our first search on CamVid made.

  Its entropies fell by 0.0163 (alpha) and 0.0178 (beta).
  """
  search = Search(arch_learning_rate=0.01).learn_noise(352, scale=0.15)
  readings = search.walks.read()
  assert readings.num_steps == 352
  alpha, beta = search.entropy_drops(readings.walks)
  assert alpha.shape == beta.shape == (noise_walks.NUM_WALKS,)
  assert 0.013 < alpha.mean() < 0.017
  assert 0.011 < beta.mean() < 0.016
  assert 0 < alpha.std() < 0.2 * alpha.mean()
  found = search.evidence()
  assert not found.learnt and found.is_undetermined
  assert abs(found.drifts['alpha'].signal) < 3


def test_gradients_as_small_as_the_decay_drift_less():
  """So the size has to be that of the run, and cannot be a constant."""
  large, small = (
    Search(arch_learning_rate=0.01).run(100, scale).evidence()
    for scale in (1.0, 1e-4)
  )
  assert small.drifts['alpha'].mean < 0.7 * large.drifts['alpha'].mean


def test_a_planted_signal_is_found():
  found = Search(arch_learning_rate=0.01).run(200, 0.1, planted=0.5).evidence()
  assert found.learnt == ('alpha', 'beta')
  assert not found.is_undetermined
  count, total = found.decided
  assert count > total / 2


def test_a_walk_is_the_optimizer_with_other_signs():
  """Where the signs of a walk happen to be all positive, it is the run."""
  search = Search(tiny.SPACE, arch_learning_rate=0.1, arch_weight_decay=0.1)
  search.run(3, scale=0.1)
  readings = search.walks.read()
  same = [
    np.allclose(walk, readings.now['alpha'], atol=1e-6)
    for walk in readings.walks['alpha']
  ]
  # Of 64 walks 8 are expected.
  assert 1 <= sum(same) <= 20
  for walk, is_same in zip(readings.walks['beta'], same):
    legal = tiny.SPACE.lattice.legal
    assert is_same == np.allclose(
      walk[legal], readings.now['beta'][legal], atol=1e-6
    )


def test_it_changes_nothing_of_the_search():
  plain = Search(tiny.SPACE, noise_walks.Passes(4, 1))
  plain.strategy.on_gradients = lambda gradients: None
  watched = Search(tiny.SPACE, noise_walks.Passes(4, 1))
  for search in (plain, watched):
    search.run(5, scale=0.1)
  for a, b in zip(*(x.strategy.learnt.values() for x in (plain, watched))):
    np.testing.assert_array_equal(a, b)


def test_halves_are_sums_over_every_other_batch_of_a_pass():
  """10 images, 4 a batch: batches 2, 7 are of two passes, and left out."""
  search = Search(tiny.SPACE, noise_walks.Passes(10, 4))
  rng = np.random.default_rng(0)
  shapes = [v.shape for v in search.strategy.learnt.values()]
  gradients = [
    [rng.normal(size=each).astype(np.float32) for each in shapes]
    for _ in range(10)
  ]
  for each in gradients:
    search._compiled([tf.constant(x) for x in each])
  readings = search.walks.read()
  # Of four passes: batches 0, 1 | 3, 4 | 5, 6 | 8, 9.
  pairs = [(0, 1), (4, 3), (6, 5), (8, 9)]
  for i, name in enumerate(('alpha', 'beta')):
    products = sum((gradients[a][i] * gradients[b][i]).sum() for a, b in pairs)
    assert readings.products[name][0] == pytest.approx(products, rel=1e-4)
    for half in range(2):
      squares = sum((gradients[pair[half]][i] ** 2).sum() for pair in pairs)
      assert readings.squares[name][half, 0] == pytest.approx(squares, rel=1e-4)
  # A walk has the same halves, with other signs.
  assert readings.squares['alpha'][0] == pytest.approx(
    np.full(1 + noise_walks.NUM_WALKS, readings.squares['alpha'][0, 0])
  )


def test_halves_agree_where_there_is_a_signal_only():
  passes = noise_walks.Passes(40, 1)
  noise = Search(passes=passes).run(200, 0.1).evidence()
  signal = Search(passes=passes).run(200, 0.1, planted=0.5).evidence()
  for name in ('alpha', 'beta'):
    assert abs(noise.halves[name].signal) < 3
    assert signal.halves[name].signal > 5
    # 20 batches of a half: 20 * 0.25 / (20 * 0.25 + 1).
    assert signal.halves[name].value == pytest.approx(5 / 6, abs=0.1)


def test_replicas_walk_as_one_device_does():
  """Variables that are mirrored; two devices are in `tests/run/`."""
  alone = Search(tiny.SPACE, noise_walks.Passes(4, 1)).learn_noise(3, 0.1)
  mirrored = tf.distribute.MirroredStrategy(['/cpu:0'])
  with mirrored.scope():
    search = Search(tiny.SPACE, noise_walks.Passes(4, 1))
  assert not isinstance(search.walks.num_steps, type(alone.walks.num_steps))
  rng = np.random.default_rng(0)
  slopes = [
    [
      tf.constant(rng.normal(0, 0.1, v.shape), tf.float32)
      for v in alone.strategy.learnt.values()
    ]
    for _ in range(3)
  ]

  for each in slopes:
    mirrored.run(
      lambda x: search.strategy.update(tiny.arch_step(linear, x)), (each,)
    )
  for name in ('alpha', 'beta'):
    np.testing.assert_allclose(
      search.walks.read().walks[name],
      alone.walks.read().walks[name],
      atol=1e-6,
    )
  assert search.evidence().num_steps == 3


def test_a_strategy_without_gradients_has_no_walks():
  assert noise_walks.beside(object(), None, lambda: 0, 0) is None


def test_a_restart_begins_where_the_search_is():
  search = Search(tiny.SPACE, noise_walks.Passes(4, 1)).run(5, 0.1)
  search.walks.restart()
  readings = search.walks.read()
  assert readings.num_steps == 0
  for name, variable in search.strategy.learnt.items():
    np.testing.assert_array_equal(readings.start[name], variable)
    for walk in readings.walks[name]:
      np.testing.assert_array_equal(walk, variable)
    assert not readings.squares[name].any()
  for slot, real in zip(
    search.walks.optimizer.variables, search.strategy.optimizer.variables
  ):
    np.testing.assert_array_equal(slot, np.broadcast_to(real, slot.shape))

"""The loss against NumPy."""

import numpy as np
import pytest
import tensorflow as tf
from official.vision.losses import segmentation_losses

from deeplab_nas.config import config as config_lib
from deeplab_nas.train import losses

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=[2, 3, 5, 4]).astype(np.float32)
LABELS = RNG.integers(4, size=[2, 3, 5])
LABELS[0, 0] = 255
VALID = LABELS != 255
WEIGHTS = (0.5, 2.0, 1.0, 0.25)


def cross_entropy(smoothing=0.0):
  """[2, 3, 5], 0 where the label is ignored."""
  log_probs = LOGITS - np.log(np.exp(LOGITS).sum(-1, keepdims=True))
  wanted = np.eye(4)[np.where(VALID, LABELS, 0)]
  wanted = wanted * (1 - smoothing) + smoothing / 4
  return -(wanted * log_probs).sum(-1) * VALID


def loss(class_weights=(), step=0, **settings):
  built = losses.build(
    config_lib.TrainConfig(**settings),
    class_weights,
    255,
    lambda: tf.constant(step),
  )
  return float(built(tf.constant(LOGITS), tf.constant(LABELS)))


def gradient(class_weights=(), **settings):
  """Of the loss by the logits."""
  built = losses.build(
    config_lib.TrainConfig(**settings), class_weights, 255, lambda: 0
  )
  logits = tf.constant(LOGITS)
  with tf.GradientTape() as tape:
    tape.watch(logits)
    value = built(logits, tf.constant(LABELS))
  return tape.gradient(value, logits).numpy()


def test_it_is_the_mean_over_labelled_pixels():
  expected = cross_entropy().sum() / VALID.sum()
  assert loss() == pytest.approx(expected, rel=1e-5)
  plain = losses.plain(255)(
    tf.constant(LOGITS), tf.constant(LABELS)[..., np.newaxis]
  )
  assert float(plain) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_weights_are_not_divided_out_again(smoothing):
  weights = np.take(WEIGHTS, np.where(VALID, LABELS, 0))
  expected = (weights * cross_entropy(smoothing)).sum() / VALID.sum()
  actual = loss(WEIGHTS, label_smoothing=smoothing)
  assert actual == pytest.approx(expected, rel=1e-5)


def mined(share):
  """The mean of the highest losses."""
  count = int(share * LABELS.size)
  highest = np.sort(cross_entropy().ravel())[::-1][:count]
  return highest.sum() / min(count, VALID.sum())


def test_mining_takes_the_highest_losses():
  assert loss(ohem_fraction=0.3) == pytest.approx(mined(0.3), rel=1e-5)
  assert loss(ohem_fraction=0.3) > loss()


@pytest.mark.parametrize(
  'step, share', [(0, 1.0), (5, 0.65), (10, 0.3), (99, 0.3)]
)
def test_mining_can_begin_with_all_pixels(step, share):
  actual = loss(ohem_fraction=0.3, ohem_ramp_steps=10, step=step)
  assert actual == pytest.approx(mined(share), rel=1e-4)


@pytest.mark.parametrize('ramp_steps', [0, 10])
def test_after_the_ramp_it_is_the_librarys(ramp_steps):
  library = segmentation_losses.SegmentationLoss(
    label_smoothing=0.0,
    class_weights=list(WEIGHTS),
    ignore_label=255,
    use_groundtruth_dimension=True,
    top_k_percent_pixels=0.3,
  )
  expected = library(tf.constant(LOGITS), tf.constant(LABELS)[..., np.newaxis])
  actual = loss(WEIGHTS, ohem_fraction=0.3, ohem_ramp_steps=ramp_steps, step=10)
  assert actual == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize('ramp_steps', [0, 10])
def test_one_pixel_counts_however_small_the_share(ramp_steps):
  actual = loss(ohem_fraction=1e-6, ohem_ramp_steps=ramp_steps, step=10)
  assert actual == pytest.approx(cross_entropy().max(), rel=1e-4)


def focal(gamma, smoothing=0.0, logits=LOGITS):
  """[2, 3, 5], 0 where the label is ignored."""
  p = np.exp(np.float64(logits))
  p /= p.sum(-1, keepdims=True)
  wanted = np.eye(4)[np.where(VALID, LABELS, 0)]
  wanted = wanted * (1 - smoothing) + smoothing / 4
  return -(wanted * (1 - p) ** gamma * np.log(p)).sum(-1) * VALID


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_focal_is_cross_entropy_less_where_it_is_right(gamma, smoothing):
  weights = np.take(WEIGHTS, np.where(VALID, LABELS, 0))
  expected = (weights * focal(gamma, smoothing)).sum() / VALID.sum()
  settings = {'loss': 'focal', 'label_smoothing': smoothing}
  actual = loss(WEIGHTS, focal_gamma=gamma, **settings)
  assert actual == pytest.approx(expected, rel=1e-5)


def test_focal_of_gamma_0_is_cross_entropy():
  settings = {'label_smoothing': 0.1}
  assert loss(WEIGHTS, loss='focal', focal_gamma=0, **settings) == (
    pytest.approx(loss(WEIGHTS, **settings), rel=1e-6)
  )
  np.testing.assert_allclose(
    gradient(WEIGHTS, loss='focal', focal_gamma=0, **settings),
    gradient(WEIGHTS, **settings),
    rtol=1e-4,
    atol=1e-7,
  )


def test_focal_is_that_of_keras_where_nothing_is_clipped():
  library = tf.keras.losses.CategoricalFocalCrossentropy(
    alpha=1.0, gamma=2.0, from_logits=True, reduction='none'
  )
  truth = np.eye(4, dtype=np.float32)[np.where(VALID, LABELS, 0)]
  expected = (library(truth, LOGITS).numpy() * VALID).sum() / VALID.sum()
  assert loss(loss='focal') == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize('gamma', [0.5, 2.0])
def test_the_gradient_of_focal_is_that_of_its_value(gamma):
  numerical = np.zeros(LOGITS.shape)
  for index in np.ndindex(LOGITS.shape):
    shift = np.zeros(LOGITS.shape)
    shift[index] = 1e-5
    numerical[index] = (
      focal(gamma, logits=LOGITS + shift).sum()
      - focal(gamma, logits=LOGITS - shift).sum()
    ) / (2e-5 * VALID.sum())
  actual = gradient(loss='focal', focal_gamma=gamma)
  np.testing.assert_allclose(actual, numerical, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize('gamma', [0.0, 0.5, 2.0])
def test_focal_learns_from_what_is_surely_wrong(gamma, monkeypatch):
  truth = np.eye(4, dtype=np.float32)[np.where(VALID, LABELS, 0)]
  monkeypatch.setattr(f'{__name__}.LOGITS', -90 * truth)
  wrong = gradient(loss='focal', focal_gamma=gamma)
  slopes = -(wrong * truth).sum(-1)[VALID] * VALID.sum()
  np.testing.assert_allclose(slopes, 1, rtol=1e-3)
  monkeypatch.setattr(f'{__name__}.LOGITS', 90 * truth)
  assert np.abs(gradient(loss='focal', focal_gamma=gamma)).max() < 1e-6


def test_mining_takes_the_highest_focal_losses():
  count = int(0.3 * LABELS.size)
  highest = np.sort(focal(2.0).ravel())[::-1][:count]
  actual = loss(loss='focal', ohem_fraction=0.3)
  assert actual == pytest.approx(highest.sum() / count, rel=1e-5)


def test_parts_are_summed():
  parts = ('cross_entropy', 'focal', 'dice', 'tversky', 'lovasz')
  total = loss(WEIGHTS, loss='+'.join(parts))
  alone = [loss(WEIGHTS, loss=part) for part in parts]
  assert total == pytest.approx(sum(alone), rel=1e-5)
  assert len({round(value, 5) for value in alone}) == len(parts)


ALL = [
  {},
  {'ohem_fraction': 0.3},
  {'label_smoothing': 0.1},
  {'loss': 'focal'},
  {'loss': 'focal', 'focal_gamma': 0.5},
  {'loss': 'cross_entropy+dice', 'ohem_fraction': 0.3},
  {'loss': 'tversky+lovasz'},
]


@pytest.mark.parametrize('settings', ALL, ids=str)
def test_ignored_pixels_have_no_gradient_at_all(settings):
  found = gradient(WEIGHTS, **settings)
  assert (found[~VALID] == 0).all()
  assert (found[VALID] != 0).any()


@pytest.mark.parametrize('settings', ALL, ids=str)
def test_nothing_labelled_is_no_loss(settings, monkeypatch):
  monkeypatch.setattr(f'{__name__}.LABELS', np.full_like(LABELS, 255))
  assert loss(**settings) == 0
  assert (gradient(**settings) == 0).all()

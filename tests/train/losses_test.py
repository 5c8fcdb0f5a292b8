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
  return float(built(tf.constant(LOGITS), tf.constant(LABELS)[..., np.newaxis]))


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


@pytest.mark.parametrize('settings', [{}, {'ohem_fraction': 0.3}])
def test_nothing_labelled_is_no_loss(settings, monkeypatch):
  monkeypatch.setattr(f'{__name__}.LABELS', np.full_like(LABELS, 255))
  assert loss(**settings) == 0

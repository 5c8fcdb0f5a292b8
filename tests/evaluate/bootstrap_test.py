"""Intervals against a loop over resamples."""

import itertools

import numpy as np
import pytest

from deeplab_nas.evaluate import bootstrap, image_counts

RNG = np.random.default_rng(0)


def made_up(num_images=12, skill=0.7, seed=0):
  """Counts int64 [N, 3, 3] of images with labels of their own."""
  labelled = np.random.default_rng(9).integers(50, 500, [num_images, 3])
  labelled[1:, 2] = 0  # a class of one image only
  share = np.random.default_rng(seed).uniform(skill - 0.2, skill + 0.2)
  shares = share + np.random.default_rng(seed).normal(0, 0.1, labelled.shape)
  hits = (labelled * np.clip(shares, 0, 1)).astype(np.int64)
  missed = (labelled - hits).sum(1, keepdims=True)
  predicted = hits.copy()
  predicted[:, :1] += missed
  predicted[:, :1] -= (labelled - hits)[:, :1]
  predicted[:, 1:2] += (labelled - hits)[:, :1]
  return np.stack([hits, labelled, predicted], 1)


def miou(counts):
  """Of the sum of images."""
  hits, labelled, predicted = counts.sum(0)
  union = labelled + predicted - hits
  return np.mean(hits[union > 0] / union[union > 0])


def test_intervals_are_the_middle_of_many_resamples():
  counts = made_up()
  found = bootstrap.intervals(counts)
  generator = np.random.default_rng(5)
  draws = [miou(counts[generator.integers(12, size=12)]) for _ in range(4000)]
  expected = np.quantile(draws, [0.025, 0.975])
  np.testing.assert_allclose(found.miou, expected, atol=0.006)
  assert found.miou[0] < miou(counts) < found.miou[1]
  assert found.class_iou.shape == (2, 3)
  one = image_counts.iou(counts[:1].sum(0))[2]  # of the class of one image
  assert (found.class_iou[:, 2] <= one + 0.3).all()


def test_they_are_the_same_each_time():
  first, second = (bootstrap.intervals(made_up()) for _ in range(2))
  np.testing.assert_array_equal(first.miou, second.miou)
  np.testing.assert_array_equal(first.class_iou, second.class_iou)


def test_more_images_make_them_narrower():
  counts = made_up()[..., :2]
  few = bootstrap.intervals(counts)
  many = bootstrap.intervals(np.repeat(counts, 16, 0))
  widths = [np.diff(x.miou)[0] for x in (few, many)]
  assert widths[1] == pytest.approx(widths[0] / 4, rel=0.35)


@pytest.mark.parametrize('num_images', [0, 1])
def test_one_image_has_none(num_images):
  found = bootstrap.intervals(made_up()[:num_images])
  assert np.isnan(found.miou).all() and np.isnan(found.class_iou).all()
  assert found.class_iou.shape == (2, 3)


def test_a_class_that_is_nowhere_has_none():
  counts = made_up()
  counts[:, :, 1] = 0
  found = bootstrap.intervals(counts)
  assert np.isnan(found.class_iou[:, 1]).all()
  assert not np.isnan(found.class_iou[:, 0]).any()


def test_the_same_predictions_do_not_differ():
  found = bootstrap.difference(made_up(), made_up())
  assert found.miou == 0 and found.p_value == 1
  np.testing.assert_array_equal(found.miou_interval, 0)
  np.testing.assert_array_equal(found.class_iou, 0)


def test_a_small_gain_in_every_image_is_seen():
  a = made_up()
  b = a.copy()
  gain = (0.1 * (b[:, 1] - b[:, 0])).astype(np.int64)
  b[:, 0] += gain
  b[:, 2] += gain
  found = bootstrap.difference(a, b)
  assert found.miou == pytest.approx(miou(b) - miou(a))
  alone = bootstrap.intervals(a).miou
  assert 0 < found.miou_interval[0] < found.miou < found.miou_interval[1]
  assert np.diff(found.miou_interval) < np.diff(alone) / 2
  assert found.p_value < 0.01
  back = bootstrap.difference(b, a)
  assert back.miou == -found.miou and back.p_value == found.p_value
  np.testing.assert_allclose(back.class_interval, -found.class_interval[::-1])


def test_the_p_value_is_that_of_all_permutations():
  a, b = made_up(8, seed=1), made_up(8, seed=2)
  a[::2], b[::2] = b[::2].copy(), a[::2].copy()
  observed = abs(miou(b) - miou(a))
  swaps = np.array(list(itertools.product([False, True], repeat=8)))
  gaps = [
    miou(np.where(s[:, None, None], a, b))
    - miou(np.where(s[:, None, None], b, a))
    for s in swaps
  ]
  expected = np.mean(np.abs(gaps) >= observed - 1e-12)
  found = bootstrap.difference(a, b).p_value
  assert found == pytest.approx(expected, abs=0.03)
  assert 0.02 < expected < 0.98

"""A moving average that begins with the first loss."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.search.relaxed import baseline as baseline_lib


def test_losses_are_compared_with_those_before():
  baseline = baseline_lib.Baseline(0.9)
  assert float(baseline.excess(tf.constant(5.0))) == 0
  baseline.add(tf.constant(5.0))
  assert float(baseline.excess(tf.constant(6.0))) == 1
  baseline.add(tf.constant(6.0))
  assert float(baseline.average) == pytest.approx(0.9 * 5 + 0.1 * 6)


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_what_is_not_finite_leaves_it(value):
  baseline = baseline_lib.Baseline(0.9)
  baseline.add(tf.constant(value, tf.float32))
  assert int(baseline.count) == 0
  baseline.add(tf.constant(2.0))
  baseline.add(tf.constant(value, tf.float32))
  assert float(baseline.average) == 2 and int(baseline.count) == 1

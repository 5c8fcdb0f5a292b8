"""The speed of a matrix product."""

from __future__ import annotations

import pytest
import tensorflow as tf

from benchmarks import matrix_peak


def test_a_product_of_squares_has_two_operations_for_each_multiply_add():
  job = matrix_peak.build(8)
  assert job.facts() == {'flops': 2 * 8 * 8 * 8}
  left, right = (
    tf.random.stateless_normal([8, 8], [0, i]).numpy() for i in (1, 2)
  )
  assert job.step() == pytest.approx(left[0] @ right[:, 0], rel=1e-5)


@pytest.mark.slow
def test_it_is_measured_in_a_process_of_its_own():
  """Between a product a second and what no machine reaches."""
  small = matrix_peak.flops_per_second(size=8, num_runs=2)
  large = matrix_peak.flops_per_second(size=512, num_runs=2)
  assert 2 * 8**3 < small < large < 1e15

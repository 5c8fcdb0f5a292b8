"""The speed of a matrix product."""

from __future__ import annotations

import pytest

from benchmarks import matrix_peak


@pytest.mark.slow
def test_it_is_measured_in_a_process_of_its_own():
  assert matrix_peak.flops_per_second(size=8, num_runs=1) > 0

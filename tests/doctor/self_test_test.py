"""The search of two steps."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from deeplab_nas.doctor import finding, self_test
from tests.search import draw


def measured(losses=(1.0, 2.0), difference=1e-6):
  return self_test.Measured(losses, difference, 1.5)


def test_this_machine_computes_rightly():
  found = self_test.supernet(draw.of('doctor').strategy)
  assert found.status == finding.OK, found
  assert 'fast path equal' in found.text or 'no fast path' in found.text


@pytest.mark.slow
def test_a_fast_path_that_is_wrong_is_noticed():
  # In a process of its own: compiled nodes outlive a test.
  program = (
    'from deeplab_nas.doctor import self_test\n'
    'from deeplab_nas.nn.supernet import fused_kernels\n'
    'right = fused_kernels.of_linear\n'
    'fused_kernels.of_linear = lambda *args: [\n'
    '  1.01 * kernel for kernel in right(*args)\n'
    ']\n'
    'print(self_test.supernet().line("supernet"))'
  )
  result = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True
  )
  assert result.stdout.startswith('FAIL'), result.stderr
  assert 'the fast path differs' in result.stdout


def test_images_that_are_no_numbers_are_noticed():
  result = self_test.measure(np.full([2, 33, 33, 3], np.nan))
  assert not np.isfinite(result.losses).any()
  assert self_test.judge(result).status == finding.FAIL


@pytest.mark.parametrize(
  'result, status, words',
  [
    (measured(), finding.OK, 'in 1.5 s, losses finite, fast path equal'),
    (measured(difference=None), finding.OK, 'no fast path'),
    (measured(difference=0.1), finding.FAIL, 'differs by 0.1'),
    (measured(difference=float('nan')), finding.FAIL, 'differs by nan'),
    (measured(losses=(1.0, float('inf'))), finding.FAIL, '1.0 and inf'),
  ],
)
def test_what_is_measured_is_judged(result, status, words):
  found = self_test.judge(result)
  assert found.status == status
  assert words in found.text
  assert bool(found.remedy) == (status == finding.FAIL)


def test_the_furthest_difference_counts():
  near, far = np.array([1.0, 4.0]), np.array([1.0, 5.0])
  assert self_test.furthest([near, near], [near, near]) == 0
  assert self_test.furthest([near, near], [near, far]) == pytest.approx(0.2)
  for order in (1, -1):
    actual = [near, near * np.nan][::order]
    assert np.isnan(self_test.furthest(actual, [far, far]))

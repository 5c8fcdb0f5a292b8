"""What expectations are worth, against the integral that defines it."""

import numpy as np
import pytest
import scipy.integrate
import scipy.stats

from deeplab_nas.search.trials.learnt import acquisition
from tests.search.trials import studies


@pytest.mark.parametrize(('mean', 'sd'), [(0.3, 0.5), (-1.0, 2.0), (2.0, 0.7)])
def test_expected_improvement_is_the_integral_that_defines_it(mean, sd):
  density = scipy.stats.norm(mean, sd).pdf
  expected, _ = scipy.integrate.quad(
    lambda y: (0.1 - y) * density(y), mean - 12 * sd, 0.1, points=[mean]
  )
  found = acquisition.expected_improvement(
    np.array([mean]), np.array([sd]), 0.1
  )
  assert found == pytest.approx([expected], rel=1e-6)


def test_what_is_certain_improves_by_the_difference():
  found = acquisition.expected_improvement(
    np.array([1.0, 3.0]), np.zeros(2), 2.5
  )
  np.testing.assert_allclose(found, [1.5, 0], atol=1e-9)


def test_parents_are_the_four_of_the_least_means():
  genotypes = studies.genotypes(studies.MIDDLE, 6)
  numbers = {genotype: 10 + i for i, genotype in enumerate(genotypes)}
  means = np.array([3.0, 1.0, 2.0, 0.5, 9.0, 1.0])
  found = acquisition.parents(numbers, means)
  assert [*found.values()] == [13, 11, 15, 12]
  assert all(numbers[genotype] == number for genotype, number in found.items())

"""A table against the clock."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import (
  latency,
)
from deeplab_nas.timing import check
from tests.timing.small import GENOTYPE, MODEL, compared


def test_networks_of_different_widths_are_drawn():
  drawn = check.draw(MODEL, 40, (2, 3.5), seed=1)
  widths = [model.space.filter_multiplier for model, _ in drawn]
  assert set(widths) == set(np.arange(2, 3.625, 0.125))
  assert len({genotype for _, genotype in drawn}) > 20
  for model, genotype in drawn:
    model.space.check(genotype)
  assert check.draw(MODEL, 40, (2, 3.5), seed=1) == drawn
  assert check.draw(MODEL, 40, (2, 3.5), seed=2) != drawn
  ((model, genotype),) = check.draw(MODEL, 1, (3, 3), genotypes=[GENOTYPE])
  assert (model.space.filter_multiplier, genotype) == (3, GENOTYPE)


def test_widths_may_be_log_uniform():
  drawn = check.draw(MODEL, 400, (2, 8), is_log=True)
  widths = np.array([model.space.filter_multiplier for model, _ in drawn])
  assert widths.min() >= 2 and widths.max() <= 8
  assert np.all(widths % 0.125 == 0)
  assert abs(np.mean(widths < 4) - 0.5) < 0.1  # of uniform ones a third


def test_only_paths_with_the_stride_of_the_decoder_are_drawn():
  model = dataclasses.replace(MODEL, low_level_stride=8)
  paths = {genotype.path for _, genotype in check.draw(model, 60, (2, 2))}
  # Above stride 8 the path may stay at 4 for ever.
  assert paths == {(0, 1), (1, 0), (1, 1), (1, 2)}
  cell = GENOTYPE.cell
  flat = genotype_lib.Genotype((0, 0), cell)
  found = check.draw(model, 20, (2, 2), genotypes=[flat, GENOTYPE])
  assert {genotype for _, genotype in found} == {GENOTYPE}
  with pytest.raises(ValueError, match='no path has stride 8'):
    check.draw(model, 1, (2, 2), genotypes=[flat])


def test_errors_and_ranks_by_hand():
  found = [compared(11, 10), compared(15, 20), compared(30, 40, 2.5)]
  assert [each.error for each in found] == pytest.approx([0.1, -0.25, -0.25])
  assert check.median_error(found) == 0.25
  assert check.spearman(found) == pytest.approx(1)
  swapped = [compared(1, 1), compared(3, 2), compared(2, 3), compared(4, 4)]
  assert check.spearman(swapped) == pytest.approx(1 - 6 * 2 / (4 * 15))
  assert check.describe(found).splitlines() == [
    'architecture       F   table ms   clock ms    error',
    f'{GENOTYPE.digest}   2.000      11.00      10.00   +10.0 %',
    f'{GENOTYPE.digest}   2.000      15.00      20.00   -25.0 %',
    f'{GENOTYPE.digest}   2.500      30.00      40.00   -25.0 %',
    '3 networks: Spearman 1.000, median error 25.0 %',
  ]


def test_the_clock_times_networks_that_the_table_predicts():
  ops = latency.required_operations([MODEL.layers], [GENOTYPE])
  times = {op: 0.5 for op in ops}
  model = dataclasses.replace(
    MODEL, latencies=latency.LatencyTable('A', (40, 60), times)
  )
  (found,) = check.compare([(model, GENOTYPE)], rounds=1)
  assert (found.genotype, found.width) == (GENOTYPE, 2)
  parts = MODEL.layers.of(GENOTYPE)
  assert found.predicted == 0.5 * sum(map(len, parts.values()))
  assert found.measured > 0
  with pytest.raises(latency.UntimedError):
    check.compare([(model.with_filter_multiplier(3), GENOTYPE)])

"""All architectures of a study are as wide as one budget allows."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.network import network
from deeplab_nas.search.trials import strategy, width
from deeplab_nas.space import genotype as genotype_lib
from tests.search.trials import studies


def widths(space=studies.MIDDLE, **search):
  config = config_lib.Config.from_dict(
    {
      'data': {'crop_size': [97, 97]},
      'network': {'filter_multiplier': 8, 'separable_head': True},
      'search': search,
    }
  )
  return width.from_config(config, space, 11)


def proposal(genotype, share=1.0):
  return strategy.Proposal(genotype, strategy.Fidelity(400, width=share))


@pytest.mark.parametrize('measure', ['cell_macs', 'params'])
def test_costs_are_close_to_the_budget_and_never_above(measure):
  found = widths(trial_budget=5e6, trial_measure=measure)
  for genotype in studies.genotypes(studies.MIDDLE, 10):
    model = found.model.with_filter_multiplier(found.of(proposal(genotype)))
    cost = model.measure(genotype, measure)
    assert 0.7 * 5e6 < cost <= 5e6


def test_the_default_budget_is_the_median_at_the_networks_width():
  found = widths()
  costs = [
    found.model.measure(genotype, 'cell_macs')
    for genotype in studies.genotypes(studies.MIDDLE, 300, seed=5)
  ]
  assert 0.4 < np.mean(np.asarray(costs) <= found.budget) < 0.6
  assert widths().budget == found.budget


def test_a_share_of_the_width_is_taken_but_not_below_one():
  found = widths(trial_budget=5e6)
  genotype = studies.genotypes(studies.MIDDLE, 1)[0]
  full = found.of(proposal(genotype))
  assert found.of(proposal(genotype, 0.5)) == pytest.approx(full / 2)
  assert found.of(proposal(genotype, 0.001)) == 1


@pytest.mark.parametrize('measure', ['cell_macs', 'params'])
@pytest.mark.parametrize('most', [None, 0.5, 2])
def test_within_is_what_has_a_width(measure, most):
  genotypes = studies.genotypes(studies.MIDDLE, 10)
  narrow = widths(trial_budget=1.0).model.with_filter_multiplier(1)
  costs = sorted(narrow.measure(genotype, measure) for genotype in genotypes)
  for budget in (costs[0] - 1, costs[4], costs[-1]):
    found = widths(trial_budget=budget, trial_measure=measure)
    found = dataclasses.replace(found, most=most)
    asked_anew = dataclasses.replace(found)
    for genotype in genotypes:
      has_width = found.widest(genotype) is not None
      assert asked_anew.is_within(genotype) == has_width


def test_what_no_width_allows_is_not_within():
  found = widths(trial_budget=10.0)
  genotype = studies.genotypes(studies.MIDDLE, 1)[0]
  assert not found.is_within(genotype)
  assert found.of(proposal(genotype)) is None
  assert widths(trial_budget=5e6).is_within(genotype)


@pytest.mark.parametrize('stride', [4, 8, 16, 32])
def test_only_what_has_a_network_is_within(stride):
  found = widths()
  model = dataclasses.replace(found.model, low_level_stride=stride)
  found = dataclasses.replace(found, model=model)
  cell = studies.genotypes(studies.MIDDLE, 1)[0].cell
  for path in studies.MIDDLE.lattice.paths():
    genotype = genotype_lib.Genotype(path, cell)
    try:
      network.low_level_end_point(genotype, stride)
    except ValueError:
      assert not found.is_within(genotype)
      assert found.widest(genotype) is None
    else:
      assert found.is_within(genotype)

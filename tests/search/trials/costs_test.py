"""What networks of trials cost, in milliseconds of a table too."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.search.trials import costs, strategy, width
from deeplab_nas.space import latency
from tests.search.trials import studies

NUM_CLASSES = 11
SPACE = studies.MIDDLE


def config(filters=6, **search):
  return config_lib.Config.from_dict(
    {
      'data': {'crop_size': [65, 65]},
      'network': {'filter_multiplier': filters, 'separable_head': True},
      'search': search,
    }
  )


@pytest.fixture(scope='module')
def table():
  """Of F = 4 to 8 and larger images: a millisecond for each 10,000 macs."""
  model = config().network.cost_model(SPACE, NUM_CLASSES, (97, 97))
  layers = (model.with_filter_multiplier(wide).layers for wide in (4, 8))
  ops = latency.required_operations(
    dataclasses.replace(each, prev_prev_projections=True) for each in layers
  )
  times = {op: 0.01 + op.in_channels * op.out_channels / 1e4 for op in ops}
  return latency.LatencyTable(latency.this_machine(), (97, 97), times)


def genotypes(number):
  return studies.genotypes(SPACE, number)


def test_milliseconds_are_of_the_tables_images(table):
  genotype = genotypes(1)[0]
  found = costs.of(config(), genotype, NUM_CLASSES, table)
  model = config().network.cost_model(SPACE, NUM_CLASSES, (97, 97))
  model = dataclasses.replace(model, latencies=table)
  assert found['latency_ms'] == model.measure(genotype, 'latency_ms') > 0
  smaller = config().network.cost_model(SPACE, NUM_CLASSES, (65, 65))
  assert found['macs'] == smaller.of(genotype).macs
  assert costs.of(config(), genotype, NUM_CLASSES).keys() == (
    found.keys() - {'latency_ms'}
  )


def test_what_the_table_does_not_cover_has_no_milliseconds(table):
  found = costs.of(config(filters=20), genotypes(1)[0], NUM_CLASSES, table)
  assert found['filter_multiplier'] == 20
  assert 'latency_ms' not in found


def test_a_table_of_other_widths_is_refused_before_there_are_trials(table):
  model = costs.timed(config(), SPACE, NUM_CLASSES, table)
  within = [(genotype, 4.5) for genotype in genotypes(5)]
  costs.check_covers(model, within)
  with pytest.raises(errors.UserError, match='F = 4.5 to 12, .*=4.5,12 adds'):
    costs.check_covers(model, [*within, (genotypes(1)[0], 12)])


def test_trials_can_be_equal_in_milliseconds(table):
  given = config(trial_measure='latency_ms', latency_table='table.json')
  found = width.from_config(given, SPACE, NUM_CLASSES, table)
  times = []
  for genotype in genotypes(10):
    proposal = strategy.Proposal(genotype, strategy.Fidelity(400))
    wide = found.of(proposal)
    if wide is not None:
      model = found.model.with_filter_multiplier(wide)
      times.append(model.measure(genotype, 'latency_ms'))
  assert len(times) > 2
  assert max(times) <= found.budget
  assert np.median(times) > 0.8 * found.budget


def test_the_table_is_of_this_machine(table, tmp_path):
  assert costs.latencies(config()) is None
  file = tmp_path / 'latency.json'
  table.save(file)
  found = costs.latencies(config(latency_table=str(file)))
  assert found.milliseconds == table.milliseconds
  dataclasses.replace(table, machine='elsewhere').save(file)
  with pytest.raises(errors.UserError, match='was measured on elsewhere'):
    costs.latencies(config(latency_table=str(file)))

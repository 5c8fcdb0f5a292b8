"""A score of untrained networks."""

import dataclasses
import math

import pytest

from deeplab_nas.search.trials.table import synflow as synflow_lib
from deeplab_nas.space import genotype as genotype_lib
from tests.search.trials.table import build_test

PATH = (0, 0, 0, 0, 0, 0)


def cell(primitive):
  return (
    (('prev', primitive), ('prev_prev', 'skip_connect')),
    (('prev', 'skip_connect'), ('prev_prev', 'skip_connect')),
  )


@pytest.fixture(scope='module')
def synflow():
  made = build_test.PROTOCOL
  settings = {**made.settings, 'data': {'crop_size': [33, 33]}}
  return synflow_lib.Synflow(dataclasses.replace(made, settings=settings))


def test_it_is_a_number_that_is_the_same_each_time(synflow):
  genotype = genotype_lib.Genotype(PATH, cell('sep_conv_3x3'))
  found = synflow(genotype)
  assert math.isfinite(found)
  assert synflow(genotype) == found


def test_networks_differ_in_it(synflow):
  skip, sep = (
    synflow(genotype_lib.Genotype(PATH, cell(primitive)))
    for primitive in ('skip_connect', 'sep_conv_5x5')
  )
  assert abs(skip - sep) > 0.01

"""A network and its export as cases, tiny."""

from __future__ import annotations

import dataclasses
import json

import pytest

from benchmarks import case, comparison, inference
from deeplab_nas.space import cost, search_space
from deeplab_nas.train import restore
from tests.serving import tiny
from tests.train import restore_test

SIZES = {'filter_multiplier': 1, 'size': 33}


@pytest.fixture(scope='module')
def settings(tmp_path_factory):
  path = tmp_path_factory.mktemp('genotype') / 'genotype.json'
  tiny.GENOTYPE.save(path)
  return {'genotype': str(path), **SIZES}


@pytest.fixture(scope='module')
def exported(settings, tmp_path_factory):
  return str(
    inference.export(
      inference.Subject(**settings), tmp_path_factory.mktemp('e')
    )
  )


def test_operations_are_those_of_the_cost_model(settings, exported):
  space = search_space.SearchSpace.containing(tiny.GENOTYPE, 1)
  model = cost.CostModel(space, inference.NUM_CLASSES, (33, 33))
  expected = 2 * 2 * model.of(tiny.GENOTYPE).macs
  batch = {**settings, 'batch_size': 2}
  for job in (
    inference.build_network(**batch),
    inference.build_export(**batch, path=exported),
  ):
    job.step()
    facts = job.facts()
    assert facts['flops'] == expected and facts['images'] == 2
    nodes = facts['graph_nodes'] + facts['graph_function_nodes']
    assert nodes > 100


def test_two_in_one_process_are_compared(settings, exported):
  job = inference.build_both(**settings, batch_size=1, path=exported)
  for _ in range(3):
    job.step()
  facts = job.facts()
  assert sorted(facts) == [
    'export_median_seconds',
    'export_to_network',
    'network_median_seconds',
  ]
  assert min(facts.values()) > 0


def test_two_exports_take_turns(settings, exported):
  subject = inference.Subject(**settings)
  (group,) = inference.cases_beside(subject, 1, [exported, exported])
  (one,) = group
  job = one.build(**one.settings)
  for _ in range(4):
    job.step()
  facts = job.facts()
  assert sorted(facts) == [
    'beside_median_seconds',
    'beside_to_export',
    'export_median_seconds',
  ]
  assert 0.1 < facts['beside_to_export'] < 10


def test_cases_are_the_network_its_export_and_both(exported, settings):
  groups = inference.cases(
    inference.Subject(**settings), 1, exported, tflite=True
  )
  names = [[one.name for one in group] for group in groups]
  assert names == [
    ['network', 'predict', 'export', 'tflite'],
    ['same process'],
  ]
  assert all(isinstance(one, case.Case) for group in groups for one in group)


@pytest.mark.slow
def test_all_cases_run_in_processes_of_their_own(settings, tmp_path):
  path = inference.export(inference.Subject(**settings), tmp_path, tflite=True)
  for group in inference.cases(
    inference.Subject(**settings), 1, path, tflite=True
  ):
    for result in comparison.compare(group, num_runs=1):
      assert result.peak_bytes > 0 and result.facts


def test_a_training_is_timed_at_the_size_of_its_images(tmp_path):
  restore_test.save(tmp_path, learning_rate=0.1)
  subject = inference.Subject(size=[33, 49], run_dir=str(tmp_path))
  trained = restore.load(tmp_path)
  assert subject.info() == trained.info
  job = inference.build_network(
    batch_size=2, **json.loads(json.dumps(dataclasses.asdict(subject)))
  )
  logits = job.step()
  assert logits.shape == (2, 33, 49, trained.info.num_classes)
  expected = trained.network.cost_model((33, 49)).of(trained.genotype).macs
  assert job.facts()['flops'] == 2 * 2 * expected

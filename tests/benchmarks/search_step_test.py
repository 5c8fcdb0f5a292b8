"""Steps of the search as cases: real ones, tiny."""

from __future__ import annotations

import pytest

from benchmarks import case, comparison, search_step

pytestmark = pytest.mark.slow  # processes that build a supernet
ONE_STEP = ('weight', 'arch', 'both')
TINY = (
  'space.num_layers=1',
  'space.filter_multiplier=2',
  'space.num_blocks=1',
  'data.crop_size=[33, 33]',
)


@pytest.fixture(scope='module')
def results():
  cases = [
    case.Case(
      kind,
      search_step.build,
      {
        'kind': kind,
        'num_classes': 3,
        'config': 'paper_cityscapes',
        'overrides': TINY,
      },
    )
    for kind in search_step.KINDS
  ]
  found = comparison.compare(cases, num_runs=1)
  return {result.case.name: result for result in found}


def test_all_kinds_run_and_say_what_they_are(results):
  for result in results.values():
    assert result.facts['num_layers'] == 1
    assert result.facts['crop_size'] == [33, 33]
    assert result.threads == {'inter_op': 2, 'intra_op': 1}


def test_a_whole_step_takes_a_batch_of_each_split(results):
  images = [results[kind].facts['images'] for kind in ONE_STEP]
  assert images == [2, 2, 4]


def test_all_operations_have_a_known_size(results):
  for kind in ONE_STEP:
    assert results[kind].facts['flops_unknown_ops'] == 0
    assert results[kind].facts['flops'] > 0


def test_both_is_the_sum_of_the_two_others(results):
  weight, arch, both = (results[k].facts['flops'] for k in ONE_STEP)
  assert arch < weight
  assert both == weight + arch


def test_all_start_with_the_same_loss(results):
  losses = [results[kind].facts['first_loss'] for kind in ONE_STEP]
  assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)


def test_in_turn_times_both_kinds_of_step(results):
  facts = results['in_turn'].facts
  assert facts['weight_median_seconds'] > 0
  assert facts['both_median_seconds'] > 0
  assert facts['both_to_weight'] > 0


def test_a_sampled_step_is_timed_beside_a_full_one(results):
  facts = results['sampled'].facts
  assert facts['sampled_to_full'] > 0
  assert facts['sampled_first_to_full_first'] > 0
  assert facts['full_first_seconds'] > facts['full_median_seconds']

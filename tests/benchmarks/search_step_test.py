"""Steps of the search as cases: real ones, tiny."""

from __future__ import annotations

import pytest

from deeplab_nas.benchmarks import case, comparison, search_step

pytestmark = pytest.mark.slow  # three processes that build a supernet
TINY = (
  *('space.num_layers=2', 'space.filter_multiplier=2', 'space.num_blocks=1'),
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
  found = comparison.compare(cases, num_runs=1, num_warm_up=0)
  return {result.case.name: result for result in found}


def test_all_kinds_run_and_say_what_they_are(results):
  for kind, result in results.items():
    assert result.facts['num_layers'] == 2
    assert result.facts['crop_size'] == [33, 33]
    assert result.facts['images'] == (4 if kind == 'both' else 2)
    assert result.threads == {'inter_op': 2, 'intra_op': 1}


def test_all_operations_have_a_known_size(results):
  for result in results.values():
    assert result.facts['flops_unknown_ops'] == 0
    assert result.facts['flops'] > 0


def test_both_is_the_sum_of_the_two_others(results):
  weight, arch, both = (results[k].facts['flops'] for k in search_step.KINDS)
  assert arch < weight
  assert both == weight + arch


def test_all_start_with_the_same_loss(results):
  losses = [result.facts['first_loss'] for result in results.values()]
  assert losses == pytest.approx([losses[0]] * 3, rel=1e-4)

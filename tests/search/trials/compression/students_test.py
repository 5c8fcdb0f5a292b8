"""Students cost less than their teacher, and the budget holds for all."""

import dataclasses
import re

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.compression import students as students_lib
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import latency, primitives
from tests.train import teachers

FILTERS = 8
TEACHER = genotype_lib.Genotype(
  (0, 1, 1, 2, 2, 1),
  (
    (('prev', 'sep_conv_5x5'), ('prev_prev', 'sep_conv_3x3')),
    (('prev', 'skip_connect'), ('block_0', 'atrous_conv_5x5')),
  ),
)
NETWORK = {
  'filter_multiplier': FILTERS,
  'separable_head': True,
  'stem_filters': [8, 8, 16],
  'head_filters': 16,
}


@pytest.fixture(scope='module')
def run(info, tmp_path_factory):
  path = tmp_path_factory.mktemp('teacher') / 'run'
  return teachers.without_weights(path, info, TEACHER, **NETWORK)


def config(run, share=0.5, blocks=2, network=None, **search):
  # The width of the settings is not the teacher's.
  network = {
    **NETWORK,
    'aspp_rates': [2],
    'filter_multiplier': 3,
    **(network or {}),
  }
  return config_lib.Config.from_dict(
    {
      'space': {'num_layers': 6, 'num_blocks': blocks},
      'data': {'crop_size': [65, 65]},
      'network': network,
      'train': {'init_from': str(run.path)},
      'search': {
        'strategy': 'esnac',
        'trial_measure': 'params',
        'latency_table': 'table.json',
        **search,
      },
      'esnac': {'share': share},
    }
  )


@pytest.fixture(scope='module')
def table(run):
  """Of F = 1 to 8, a quarter of stem and head to all, and larger images."""
  made = config(run)
  model = made.network.cost_model(made.space.build(), 3, (97, 97))
  layers = (
    model.with_stem_and_head(share).with_filter_multiplier(f).layers
    for f in (1, FILTERS)
    for share in (0.25, 1)
  )
  ops = latency.required_operations(
    dataclasses.replace(each, prev_prev_projections=True) for each in layers
  )
  times = {
    op: 0.01 + op.kernel_size**2 * op.in_channels * op.out_channels / 1e4
    for op in ops
  }
  return latency.LatencyTable(latency.this_machine(), (97, 97), times)


def drawn(space, number=8):
  """Random students, and what mutations make of them."""
  rng = np.random.default_rng(0)
  students = [space.random(rng) for _ in range(number)]
  children = students
  for _ in range(3):
    children = [space.mutate(student, rng) for student in children]
  return [*students, *children]


@pytest.mark.parametrize(
  ('removed', 'accuracy', 'expected'),
  [(0.5, 0.6, 0.75 * 0.75), (0.9, 0.8, 0.99), (0.0, 0.8, 0.0), (1, 0.4, 0.5)],
)
def test_the_reward_by_hand(removed, accuracy, expected):
  found = students_lib.judged(removed, accuracy, 0.8)
  assert found['reward'] == pytest.approx(expected)
  assert found['accuracy_kept'] == pytest.approx(accuracy / 0.8)
  assert found['cost_removed'] == removed


@pytest.mark.parametrize(
  ('measure', 'share'),
  [('params', 0.5), ('cell_macs', 0.7), ('latency_ms', 0.6)],
)
def test_students_are_within_the_budget_and_no_wider(
  run, info, table, measure, share
):
  made = config(run, share, trial_measure=measure)
  found = students_lib.from_config(made, info, table)
  model = found.widths.model.with_filter_multiplier(FILTERS)
  whole = model.measure(TEACHER, measure)
  assert found.widths.budget == pytest.approx(share * whole)
  students = list(filter(found.is_within, drawn(found.space)))
  assert len(students) > 8
  widths = set()
  for student in students:
    width = found.widths.of(strategy.Proposal(student, strategy.Fidelity(1)))
    narrow = model.with_filter_multiplier(width)
    assert narrow.measure(student, measure) <= share * whole
    assert 1 <= width <= FILTERS
    assert model.measure(student, measure) <= whole
    widths.add(width)
  assert len(widths) > 2


def test_a_student_that_is_cheap_enough_is_as_wide_as_the_teacher(run, info):
  found = students_lib.from_config(config(run, 0.9), info)
  skips = tuple(
    tuple((source, 'skip_connect') for source, _ in block)
    for block in TEACHER.cell
  )
  assert found.widths.widest(genotype_lib.Genotype((0,) * 6, skips)) == FILTERS


def test_random_students_are_near_and_cheaper_operations_replace_others(
  run, info
):
  space = students_lib.from_config(config(run), info).space
  rng = np.random.default_rng(1)
  students = [space.random(rng) for _ in range(100)]
  assert len(set(students)) > 25
  counts = [
    sum(a != b for a, b in zip(student.path, TEACHER.path))
    for student in students
  ]
  assert set(counts) == {0, 1, 2}
  names = [p for s in students for block in s.cell for _, p in block]
  assert not {'none', *names} - {p.name for p in primitives.PRIMITIVES}
  assert np.mean([name == 'atrous_conv_5x5' for name in names]) < 0.2
  free = [primitives.BY_NAME[name].is_parameter_free for name in names]
  assert np.mean(free) > 0.35


def test_what_costs_more_than_the_teacher_is_no_student(run, info):
  found = students_lib.from_config(config(run), info)
  large = tuple(
    tuple((source, 'atrous_conv_5x5') for source, _ in block)
    for block in TEACHER.cell
  )
  dear = genotype_lib.Genotype(TEACHER.path, large)
  assert found.widths.is_within(dear) and not found.is_within(dear)
  assert found.is_within(TEACHER)


def test_a_teacher_outside_of_the_space_is_refused(run, info):
  with pytest.raises(
    errors.UserError, match='is not in the space: .* 2 blocks'
  ):
    students_lib.from_config(config(run, blocks=3), info)


def test_a_share_that_no_student_has_is_refused_with_the_least(
  run, info, table
):
  for measure, more in (('params', 'head_filters'), ('latency_ms', '--widths')):
    with pytest.raises(
      errors.UserError, match=f'its narrowest. Raise .* {more}'
    ) as caught:
      made = config(run, 0.01, trial_measure=measure)
      students_lib.from_config(made, info, table)
    least = float(re.search(r'has (0\.\d+) of them', str(caught.value))[1])
    found = students_lib.from_config(
      config(run, least, trial_measure=measure), info, table
    )
    assert any(map(found.is_within, drawn(found.space, 60)))


def test_what_a_narrower_stem_and_head_save_is_for_the_cells(run, info):
  """Half of all is half of the teacher's with its own stem and head."""
  found = []
  for network in ({}, {'stem_filters': [4, 4, 8], 'head_filters': 8}):
    made = config(run, network=network)
    found.append(students_lib.from_config(made, info))
  wide, narrow = found
  assert wide.widths.budget == narrow.widths.budget
  assert narrow.widths.widest(TEACHER) > wide.widths.widest(TEACHER)


@pytest.mark.parametrize('share', [1, 1.5, 0, -0.1])
def test_a_share_is_between_nothing_and_all(run, share):
  with pytest.raises(errors.UserError, match='esnac.share is .*, expected'):
    config(run, share)


def test_without_a_teacher_there_is_nothing_to_compress(run, info):
  made = config(run)
  train = dataclasses.replace(made.train, init_from='')
  with pytest.raises(errors.UserError, match='with --init_from=RUN'):
    students_lib.from_config(dataclasses.replace(made, train=train), info)

"""How narrow stem and head of students are, and who says so afterwards."""

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.search.trials.compression import stem_and_head, students
from tests.search.trials.compression import students_test

TEACHER, FILTERS = students_test.TEACHER, students_test.FILTERS
table = students_test.table
run = students_test.run


@pytest.fixture
def config(run, info, tmp_path):
  """Of a search of the data's folder, by measure and share."""
  info.save(tmp_path / 'dataset.json')

  def made(share=0.5, **search):
    found = students_test.config(run, share, **{'latency_table': '', **search})
    data = dataclasses.replace(found.data, dir=str(tmp_path))
    return dataclasses.replace(found, data=data)

  return made


def filters(config):
  return [*config.network.stem_filters, config.network.head_filters]


@pytest.mark.parametrize('share', [0.1, 0.3, 0.5, 0.9])
@pytest.mark.parametrize('measure', ['params', 'macs'])
def test_all_widths_alike_bring_the_teacher_within_the_share(
  run, info, config, measure, share
):
  before = config(share, trial_measure=measure)
  found = stem_and_head.narrowed(before)
  ours = {n / whole for n, whole in zip(filters(found), filters(before))}
  (ours,) = ours
  assert ours in [eighths / 8 for eighths in range(1, 8)]
  whole = students.model_of(before, before.network, 3).with_filter_multiplier(
    FILTERS
  )

  def cost(part):
    narrow = whole.with_stem_and_head(part).with_filter_multiplier(
      max(1, part * FILTERS)
    )
    return narrow.measure(TEACHER, measure) / whole.measure(TEACHER, measure)

  assert cost(ours) <= share
  assert ours == 7 / 8 or cost(ours + 1 / 8) > share
  assert students.from_config(found, info).is_within(TEACHER)


def test_what_follows_the_search_is_told(config):
  before = config()
  before = dataclasses.replace(
    before, overrides=('network.head_filters=16', 'search.strategy=esnac')
  )
  found = stem_and_head.narrowed(before)
  assert found.overrides == (
    'search.strategy=esnac',
    f'network.stem_filters={list(found.network.stem_filters)}'.replace(' ', ''),
    f'network.head_filters={found.network.head_filters}',
  )
  again = config_lib.Config.from_dict(found.to_dict())
  assert filters(again) == filters(found)
  assert stem_and_head.narrowed(again) == again  # what is set stays


def test_a_teacher_outside_of_the_space_is_refused(config):
  with pytest.raises(errors.UserError, match='is not in the space: .* 2 block'):
    stem_and_head.narrowed(config(blocks=3))


def test_who_asks_for_none_gets_none(config):
  cells = config(trial_measure='cell_macs')
  assert stem_and_head.narrowed(cells) is cells
  kept = config()
  esnac = dataclasses.replace(kept.esnac, narrow_stem_and_head=False)
  kept = dataclasses.replace(kept, esnac=esnac)
  assert stem_and_head.narrowed(kept) is kept
  assert stem_and_head.narrowed(config_lib.Config()) == config_lib.Config()


def test_of_a_table_what_was_timed_counts(config, table, tmp_path, caplog):
  path = tmp_path / 'latency.json'
  table.save(path)
  made = config(0.4, trial_measure='latency_ms', latency_table=str(path))
  found = stem_and_head.narrowed(made)
  assert filters(found) < filters(made)
  least = dataclasses.replace(made.esnac, share=0.001)
  found = stem_and_head.narrowed(dataclasses.replace(made, esnac=least))
  assert filters(found) == [n // 4 for n in filters(made)]  # as timed
  widest = {
    op: time
    for op, time in table.milliseconds.items()
    if (op.kind, op.out_channels) != ('conv_bn_relu', 4)  # of the head
  }
  dataclasses.replace(table, milliseconds=widest).save(path)
  assert stem_and_head.narrowed(made) is made
  assert '--stem_and_head=0.25,0.5,1 adds some' in caplog.text

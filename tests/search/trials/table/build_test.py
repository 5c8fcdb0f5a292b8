"""Rows are trials of the engine, and come out the same a second time."""

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.search.trials.table import build, plan, protocol, rows

SETTINGS = {
  'data': {'crop_size': [17, 17], 'batch_size': 2},
  'network': {
    'stem_filters': [2, 2, 4],
    'head_filters': 8,
    'aspp_rates': [2],
    'separable_head': True,
  },
  'train': {'learning_rate': 0.05},
}
PROTOCOL = protocol.Protocol((1, 2), 1e5, num_classes=3, settings=SETTINGS)


def test_data_of_other_classes_is_refused(records, tmp_path):
  other = dataclasses.replace(PROTOCOL, num_classes=11)
  with pytest.raises(errors.UserError, match='has 3 classes, the table is of'):
    build.Builder(other, records, tmp_path)


def test_no_trial_begins_after_the_time(records, tmp_path):
  builder = build.Builder(PROTOCOL, records, tmp_path)
  assert list(builder.run(plan.keys(PROTOCOL), seconds=0)) == []


@pytest.mark.slow
def test_a_row_is_a_trial_that_can_be_repeated(records, tmp_path):
  builder = build.Builder(PROTOCOL, records, tmp_path)
  keys = list(plan.keys(PROTOCOL))[:2]
  found = list(builder.run(keys))
  assert [row.key for row in found] == keys
  assert all(0 < row.scores['cross_entropy'] < 20 for row in found)
  assert all(row.scores['cell_macs'] <= 1e5 for row in found)
  assert all(row.seconds > 0 and row.device for row in found)
  assert [len(row.losses) for row in found] == [1, 2]
  (again,) = builder.run(keys[1:])
  rebuilt = build.Rebuilt(found[1], again)
  assert rebuilt.differences == {}
  assert 'differs in nothing' in rebuilt.to_text()


def test_what_differs_is_shown():
  key = rows.Key(plan.randoms()[0], 2, 0)
  old = rows.Row(key, 1.0, {'cross_entropy': 1.0, 'miou': 0.5}, 1.0)
  new = old._replace(scores={'cross_entropy': 1.5, 'miou': 0.5})
  rebuilt = build.Rebuilt(old, new)
  assert rebuilt.differences == {'cross_entropy': 0.5}
  assert 'differs in cross_entropy.' in rebuilt.to_text()
  failed = build.Rebuilt(old, old._replace(scores=None, failure='nan'))
  assert 'failed: nan' in failed.to_text()
  assert set(failed.differences) == {'cross_entropy', 'miou'}

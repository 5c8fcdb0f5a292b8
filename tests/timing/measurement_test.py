"""Tables that are timed in portions, and go on after a kill."""

import dataclasses
import json
import time

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.space import latency
from deeplab_nas.space.operations import Operation
from deeplab_nas.timing import measurement

SIZE = (40, 60)
POOLS = [
  Operation('max_pool', 3, 1, 1, channels, channels, 11, 16)
  for channels in (2, 3)
]
LAST = Operation('upsample', 1, 1, 4, 3, 3, 41, 61)
OPS = [*POOLS, LAST]
HERE = measurement.Place.here(SIZE)


def make(path, ops=OPS, place=HERE, **settings):
  settings = {'repeats': 1, 'rounds': 1} | settings
  return measurement.Measurement(ops, place, path, **settings)


def note(measured, times, place=HERE):
  """Leaves samples as a kill would."""
  lines = [json.dumps(dataclasses.asdict(place))]
  lines += [json.dumps([[*op, ms] for op, ms in times.items()])]
  measured.samples_path.write_text('\n'.join(lines) + '\n')


def test_a_table_names_its_place_and_times_every_operation(tmp_path):
  path = tmp_path / 'latency.json'
  table = make(path, rounds=2).run()
  assert set(table.milliseconds) == set(OPS)
  assert all(ms > 0 for ms in table.milliseconds.values())
  assert latency.load(path, SIZE).to_json() == table.to_json()
  assert (table.machine, table.device) == (latency.this_machine(), 'CPU')
  assert set(table.libraries) == {'tensorflow', 'numpy'}
  assert [x.name for x in tmp_path.iterdir()] == ['latency.json']


def test_what_was_noted_before_a_kill_is_kept(tmp_path):
  """Also where the kill came in the middle of a line."""
  measured = make(tmp_path / 'latency.json')
  note(measured, {POOLS[0]: 1e6})
  with open(measured.samples_path, 'a') as file:
    file.write('[["max_pool", 3, 1,')
  table = measured.run()
  assert table.milliseconds[POOLS[0]] == 1e6
  assert all(0 < table.milliseconds[op] < 1e6 for op in (POOLS[1], LAST))


def test_the_median_over_rounds_counts(tmp_path):
  measured = make(tmp_path / 'latency.json', POOLS, rounds=3)
  note(measured, {POOLS[0]: 1e6, POOLS[1]: 1e7})
  content = measured.samples_path.read_text()
  rows = json.dumps([[*POOLS[0], 3e6], [*POOLS[0], 2e6], [*POOLS[1], 9e6]])
  measured.samples_path.write_text(f'{content}{rows}\n')
  times = measured.run().milliseconds
  assert times[POOLS[0]] == 2e6
  assert times[POOLS[1]] == 9e6  # of one that was timed now, below it


def test_a_factor_stays_until_the_table_grows(tmp_path):
  path = tmp_path / 'latency.json'
  dataclasses.replace(HERE.table({POOLS[0]: 1.0}), factor=1.5).save(path)
  assert make(path, POOLS[:1]).run().factor == 1.5
  assert make(path, POOLS).run().factor == 1
  assert latency.load(path).factor == 1


def test_a_table_grows_by_what_it_lacks(tmp_path):
  path = tmp_path / 'latency.json'
  old = HERE.table({POOLS[0]: 1e6})
  old.save(path)
  assert make(path, POOLS[:1]).run().milliseconds == {POOLS[0]: 1e6}
  assert path.read_text() == old.to_json()
  table = make(path, POOLS).run()
  assert table.milliseconds[POOLS[0]] == 1e6
  assert set(table.milliseconds) == set(POOLS)
  make(path).forget()
  assert not path.exists()


@pytest.mark.parametrize(
  'change, message',
  [
    ({'machine': 'B'}, 'was measured on B, and this is'),
    ({'image_size': (33, 65)}, 'of 33 x 65 pixels, not of 40 x 60'),
    ({'threads': 64}, 'measured with threads 64, and this would be'),
    (
      {'libraries': {'tensorflow': '1.0'}},
      'measured with libraries tensorflow 1.0, and this would be tensorflow',
    ),
  ],
)
def test_a_table_of_another_place_is_not_gone_on_with(
  tmp_path, change, message
):
  path = tmp_path / 'latency.json'
  table = dataclasses.replace(HERE, **change).table({POOLS[0]: 1.0})
  table.save(path)
  with pytest.raises(errors.UserError, match=message):
    make(path).run()
  assert path.read_text() == table.to_json()


def test_nor_are_samples_of_another_place_or_damaged_ones(tmp_path):
  measured = make(tmp_path / 'latency.json')
  note(measured, {}, dataclasses.replace(HERE, threads=64))
  with pytest.raises(errors.UserError, match='samples was measured with thre'):
    measured.run()
  for content in ('{}\n', 'x\n', '7\n', '\xff\n', '[]\n'):
    measured.samples_path.write_text(content)
    with pytest.raises(errors.UserError, match='cannot be continued'):
      measured.run()
    assert measured.samples_path.read_text() == content


def test_portions_fit_into_the_memory():
  ops = [
    Operation('relu', 1, 1, 1, channels, channels, 1000, 1000)
    for channels in (10, 90, 50, 200)
  ]
  portions = list(measurement.cut([*ops, *POOLS]))
  assert portions == [ops[:2], ops[2:3], ops[3:4], POOLS]
  assert [len(x) for x in measurement.cut(POOLS * 50)] == [40, 40, 20]


@pytest.mark.parametrize('threads', [0, 1])
def test_on_one_thread_what_others_take_is_no_time_of_a_call(
  threads, monkeypatch
):
  monkeypatch.setattr(
    tf.config.threading, 'get_intra_op_parallelism_threads', lambda: threads
  )
  taken = measurement.milliseconds(lambda: time.sleep(0.1))
  assert (taken < 50) == (threads == 1)

  def work():
    end = time.process_time() + 0.1
    while time.process_time() < end:
      pass

  assert measurement.milliseconds(work) >= 99

"""A search that is killed again and again ends as if it never was."""

from __future__ import annotations

import json
import random
import signal
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from tests import command
from tests.scripts import scenes

pytestmark = pytest.mark.slow

NUM_KILLS = 10
# Long enough for events within an epoch.
EPOCHS, STEPS = 3, 150
SETTINGS = (
  *('space.num_layers=2', 'space.num_blocks=1', 'space.filter_multiplier=2'),
  *('data.crop_size=[33, 33]', 'data.batch_size=2', 'runtime.num_panels=1'),
  *(f'search.epochs={EPOCHS}', f'search.steps_per_epoch={STEPS}'),
  *('search.arch_start_epoch=1', 'runtime.deterministic=true'),
  'runtime.checkpoint_minutes=0.005',
)


@pytest.fixture(scope='module')
def records(tmp_path_factory):
  return scenes.make(tmp_path_factory.mktemp('data'))


def arguments(records, folder):
  return (
    *('--mode=search', '--config=quickstart', f'--data_dir={records}'),
    *(f'--set={setting}' for setting in SETTINGS),
    *(f'--run_dir={folder}', '--resume'),
  )


@pytest.fixture(scope='module')
def whole(records, tmp_path_factory):
  folder = tmp_path_factory.mktemp('whole') / 'run'
  result = command.run('scripts/train.py', *arguments(records, folder))
  assert result.returncode == 0, result.stderr
  return folder


def start(records, folder, log):
  return command.start(log, 'scripts/train.py', *arguments(records, folder))


def wait_for(folder, process):
  """Until the run has written a checkpoint, or has ended."""
  before = set(folder.glob('checkpoints/ckpt-*.index'))
  while process.poll() is None:
    if set(folder.glob('checkpoints/ckpt-*.index')) - before:
      return
    time.sleep(0.05)


def variables(folder):
  """All that the last checkpoint holds, by name."""
  reader = tf.train.load_checkpoint(str(folder / 'checkpoints'))
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if 'save_counter' not in name and 'OBJECT_GRAPH' not in name
  }


def events(folder):
  """(tag, step) -> value of all scalars; none may come twice."""
  values = {}
  for path in sorted(folder.glob('tensorboard/*/events.out.tfevents.*')):
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
      event = event_pb2.Event.FromString(record)
      for value in event.summary.value:
        key = path.parent.name, value.tag, event.step
        assert key not in values, key
        values[key] = value.tensor.SerializeToString()
  return values


def assert_same(actual, expected):
  for name in ('genotype.json', 'metrics.jsonl'):
    assert (actual / name).read_bytes() == (expected / name).read_bytes()
  lines = (actual / 'metrics.jsonl').read_text().splitlines()
  assert [json.loads(line)['epoch'] for line in lines] == [
    *range(1, EPOCHS + 1)
  ]
  ours, theirs = variables(actual), variables(expected)
  assert set(ours) == set(theirs)
  assert any('alpha' in name for name in ours)
  for name, value in theirs.items():
    np.testing.assert_array_equal(ours[name], value, name)
  assert events(actual) == events(expected)


def test_ten_kills_leave_no_trace(records, whole, tmp_path):
  """Bit-equal: genotype, metrics, every variable, every event."""
  folder, moments, num_alive = tmp_path / 'run', random.Random(7), 0
  log = tmp_path / 'log'
  for _ in range(NUM_KILLS):
    process = start(records, folder, log)
    wait_for(folder, process)
    time.sleep(moments.uniform(0, 0.8))
    num_alive += process.poll() is None
    process.kill()
    process.wait()
  assert num_alive == NUM_KILLS
  finished = start(records, folder, log)
  assert finished.wait() == 0, log.read_text()
  assert_same(folder, whole)


@pytest.mark.parametrize(
  'number, code', [(signal.SIGTERM, 75), (signal.SIGINT, 130)]
)
def test_who_is_asked_to_stop_saves_first(
  records, whole, tmp_path, number, code
):
  folder = tmp_path / 'run'
  log = tmp_path / 'log'
  process = start(records, folder, log)
  wait_for(folder, process)
  process.send_signal(number)
  assert process.wait() == code
  text = log.read_text()
  assert 'Traceback' not in text
  assert start(records, folder, log).wait() == 0
  assert_same(folder, whole)


def test_a_second_run_in_the_folder_is_refused(records, tmp_path):
  folder = tmp_path / 'run'
  log = tmp_path / 'log'
  process = start(records, folder, log)
  try:
    wait_for(folder, process)
    result = command.run('scripts/train.py', *arguments(records, folder))
  finally:
    process.kill()
    process.wait()
  assert result.returncode == 2
  assert 'Another process is writing to' in result.stderr

"""A run that is killed again and again ends as if it never was."""

from __future__ import annotations

import json
import random
import signal
import time

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.compat.proto import event_pb2

from deeplab_nas import errors, folder_lock
from tests import command
from tests.scripts import scenes
from tests.search import draw

# More than the 50 steps after which there are events within an epoch.
EPOCHS, STEPS, MANY_STEPS = 3, 100, 400
SETTINGS = {
  'search': (
    'space.num_layers=1',
    'space.num_blocks=1',
    'space.filter_multiplier=2',
    f'search.epochs={EPOCHS}',
    'search.arch_start_epoch=1',
  ),
  'train': (
    f'train.epochs={EPOCHS}',
    'network.filter_multiplier=2',
    'network.aspp_rates=[2]',
    'network.drop_path_keep_prob=0.5',
    'train.ema_decay=0.9',
  ),
}
SHARED_SETTINGS = (
  'data.crop_size=[33, 33]',
  'data.batch_size=2',
  'runtime.num_panels=1',
  'runtime.deterministic=true',
  'runtime.checkpoint_minutes=0.005',
)
LEARNT = {'search': 'strategy', 'train': 'network'}


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  """A folder with records and a genotype."""
  root = tmp_path_factory.mktemp('killed')
  scenes.make(root)
  (root / 'found.json').write_text(scenes.GENOTYPE)
  return root


def arguments(root, mode, folder, steps=STEPS, more=()):
  settings = *SETTINGS[mode], f'{mode}.steps_per_epoch={steps}', *more
  flags = (
    f'--mode={mode}',
    '--config=quickstart',
    f'--data_dir={root}/records',
    *(f'--set={setting}' for setting in SHARED_SETTINGS + settings),
    f'--run_dir={folder}',
    '--resume',
  )
  if mode == 'search':
    return flags
  return (*flags, f'--genotype={root}/found.json')


class Run:
  """A run in a folder, started again and again by the same command."""

  def __init__(self, root, mode, folder, steps=STEPS, more=()):
    folder.parent.mkdir(exist_ok=True)
    self.folder = folder
    self.arguments = arguments(root, mode, folder, steps, more)
    self.log = folder.with_name(f'{folder.name}.log')

  def start(self):
    return command.start(self.log, 'scripts/train.py', *self.arguments)

  def finish(self):
    assert self.start().wait() == 0, self.log.read_text()
    return self.folder

  def kill(self, seconds):
    """Kills it so long after it has written a checkpoint."""
    process = self.start()
    wait_for(self.folder, process)
    with pytest.raises(errors.UserError, match='Another process is writing to'):
      folder_lock.take(self.folder)
    time.sleep(seconds)
    is_alive = process.poll() is None
    process.kill()
    process.wait()
    assert is_alive, self.log.read_text()

  def stop(self, number):
    """Its exit code after a signal."""
    process = self.start()
    wait_for(self.folder, process)
    process.send_signal(number)
    return process.wait()


def wait_for(folder, process):
  """Until the run has written a checkpoint, or has ended."""
  before = set(folder.glob('checkpoints/ckpt-*.index'))
  while process.poll() is None:
    if set(folder.glob('checkpoints/ckpt-*.index')) - before:
      return
    time.sleep(0.05)


def variables(checkpoints):
  """All that the last checkpoint of a folder holds, by name."""
  reader = tf.train.load_checkpoint(str(checkpoints))
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if 'save_counter' not in name and 'OBJECT_GRAPH' not in name
  }


def events(folder):
  """(tag, step) -> value of all scalars; none may come twice."""
  values = {}
  for path in sorted(folder.glob('tensorboard/events.out.tfevents.*')):
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
      event = event_pb2.Event.FromString(record)
      for value in event.summary.value:
        key = value.tag, event.step
        assert key not in values, key
        values[key] = value.tensor.SerializeToString()
  assert values
  return values


def assert_same(actual, expected, mode):
  for name in ('genotype.json', 'metrics.jsonl'):
    assert (actual / name).read_bytes() == (expected / name).read_bytes()
  lines = (actual / 'metrics.jsonl').read_text().splitlines()
  assert [json.loads(line)['epoch'] for line in lines] == [
    *range(1, EPOCHS + 1)
  ]
  folders = ['checkpoints', 'best'] if mode == 'train' else ['checkpoints']
  for name in folders:
    ours, theirs = variables(actual / name), variables(expected / name)
    assert set(ours) == set(theirs)
    assert any(LEARNT[mode] in variable for variable in ours)
    for variable, value in theirs.items():
      np.testing.assert_array_equal(ours[variable], value, variable)
  assert events(actual) == events(expected)


def assert_kills_leave_no_trace(
  root, tmp_path, mode, num_kills, steps=STEPS, more=()
):
  """Bit-equal: genotype, metrics, every variable, every event."""
  whole = Run(root, mode, tmp_path / 'whole' / 'run', steps, more).finish()
  run = Run(root, mode, tmp_path / 'killed' / 'run', steps, more)
  moments = random.Random(7)
  for _ in range(num_kills):
    run.kill(moments.uniform(0, 0.8))
  assert_same(run.finish(), whole, mode)


@pytest.mark.slow
def test_a_kill_leaves_no_trace_in_a_training(root, tmp_path):
  assert_kills_leave_no_trace(root, tmp_path, 'train', num_kills=1)


@pytest.mark.slow
def test_a_search_stopped_in_every_way_ends_as_if_it_never_was(root, tmp_path):
  more = draw.of('stopped in every way').flags
  whole = Run(root, 'search', tmp_path / 'whole' / 'run', more=more).finish()
  run = Run(root, 'search', tmp_path / 'killed' / 'run', more=more)
  run.kill(random.Random(7).uniform(0, 0.4))
  # Who is asked to stop saves first, and says by its exit code who asked.
  assert run.stop(signal.SIGTERM) == 75
  assert run.stop(signal.SIGINT) == 130
  assert_same(run.finish(), whole, 'search')
  assert 'Traceback' not in run.log.read_text()


@pytest.mark.soak
@pytest.mark.parametrize('mode, num_kills', [('search', 10), ('train', 4)])
def test_many_kills_leave_no_trace(root, tmp_path, mode, num_kills):
  more = draw.of('many kills').flags if mode == 'search' else ()
  assert_kills_leave_no_trace(root, tmp_path, mode, num_kills, MANY_STEPS, more)


@pytest.mark.soak
@pytest.mark.parametrize(
  'number, code', [(signal.SIGTERM, 75), (signal.SIGINT, 130)]
)
def test_a_training_that_is_asked_to_stop_saves_first(
  root, tmp_path, number, code
):
  whole = Run(root, 'train', tmp_path / 'whole' / 'run').finish()
  run = Run(root, 'train', tmp_path / 'killed' / 'run')
  assert run.stop(number) == code
  assert_same(run.finish(), whole, 'train')
  assert 'Traceback' not in run.log.read_text()


@pytest.mark.soak
def test_a_second_run_in_the_folder_is_refused(root, tmp_path):
  run = Run(root, 'search', tmp_path / 'killed' / 'run', MANY_STEPS)
  process = run.start()
  try:
    wait_for(run.folder, process)
    result = command.run('scripts/train.py', *run.arguments)
  finally:
    process.kill()
    process.wait()
  assert result.returncode == 2
  assert 'Another process is writing to' in result.stderr

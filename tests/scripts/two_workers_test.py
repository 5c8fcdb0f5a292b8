"""Two workers do what one device does, and what is wrong with one is named."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import time

import pytest

from deeplab_nas.space import genotype
from tests import command
from tests.scripts import scenes
from tests.search import draw

EPOCHS, STEPS = 3, 10
SETTINGS = {
  'search': (
    'space.num_layers=1',
    'space.num_blocks=1',
    'space.filter_multiplier=2',
    f'search.epochs={EPOCHS}',
    f'search.steps_per_epoch={STEPS}',
    'search.learning_rate=2e-3',
    'search.end_learning_rate=1e-4',
    'search.arch_start_epoch=1',
  ),
  'train': (
    f'train.epochs={EPOCHS}',
    f'train.steps_per_epoch={STEPS}',
    'network.filter_multiplier=2',
    'network.aspp_rates=[2]',
    'train.learning_rate=1e-3',
  ),
}
SHARED_SETTINGS = (
  'data.crop_size=[33, 33]',
  'data.batch_size=4',
  'runtime.num_panels=1',
  # Computes at the start, which is not to come before the workers meet.
  'data.skip_corrupt_records=1',
  'search.recalibration_batches=2',
  'train.recalibration_batches=2',
)
# A worker waits for the others; on a busy machine they start one by one.
LONGEST_SECONDS = 600


@pytest.fixture(scope='module')
def root(tmp_path_factory):
  """A folder with records and a genotype."""
  root = tmp_path_factory.mktemp('two_workers')
  scenes.make(root, num_val=3)
  (root / 'found.json').write_text(scenes.GENOTYPE)
  return root


def arguments(root, folder, mode, distribution, *settings):
  flags = [f'--mode={mode}', f'--distribution={distribution}']
  if mode != 'eval':
    flags += ['--config=quickstart', '--resume', f'--data_dir={root}/records']
    settings = (*SHARED_SETTINGS, *SETTINGS[mode], *settings)
  if mode == 'train':
    flags.append(f'--genotype={root}/found.json')
  return [
    'scripts/train.py',
    f'--run_dir={folder}',
    *flags,
    *(f'--set={setting}' for setting in settings),
  ]


@contextlib.contextmanager
def two_workers(root, folder, mode, settings=(), of_second=()):
  """Yields the workers and their logs; afterwards none is left."""
  ports = free_ports(2)
  cluster = {'worker': [f'localhost:{port}' for port in ports]}
  logs = [folder.with_name(f'{folder.name}.log{index}') for index in range(2)]
  workers = []
  try:
    for index, own in enumerate([(), of_second]):
      task = {'type': 'worker', 'index': index}
      text = json.dumps({'cluster': cluster, 'task': task})
      words = arguments(root, folder, mode, 'multi_worker', *settings, *own)
      workers.append(command.start(logs[index], *words, TF_CONFIG=text))
    yield workers, logs
  finally:
    for worker in workers:
      worker.kill()
      worker.wait()


def free_ports(count):
  sockets = [socket.socket() for _ in range(count)]
  for each in sockets:
    each.bind(('localhost', 0))
  ports = [each.getsockname()[1] for each in sockets]
  for each in sockets:
    each.close()
  return ports


def ends(processes):
  return [process.wait(LONGEST_SECONDS) for process in processes]


def wait_for_epoch(epoch, folder, workers, logs):
  path = folder / 'metrics.jsonl'
  while not path.exists() or path.read_text().count('\n') < epoch:
    assert workers[0].poll() is None, logs[0].read_text()
    time.sleep(0.1)


def metrics(folder):
  lines = (folder / 'metrics.jsonl').read_text().splitlines()
  return [json.loads(line) for line in lines]


def assert_same_metrics(one, two):
  expected, actual = metrics(one), metrics(two)
  assert len(expected) == len(actual) == EPOCHS
  for ours, theirs in zip(actual, expected):
    for name in (
      'loss',
      'val_loss',
      'arch_loss',
      'alpha_entropy',
      'beta_entropy',
    ):
      if theirs.get(name) is not None:
        assert ours[name] == pytest.approx(theirs[name], rel=1e-2), name


def assert_same_search(one, two):
  assert_same_metrics(one, two)
  found = [genotype.Genotype.load(x / 'genotype.json') for x in (one, two)]
  assert found[0] == found[1]


def kill_a_worker(root, folder, mode, epoch, settings=()):
  """After an epoch; who is left names it and ends."""
  with two_workers(root, folder, mode, settings) as (workers, logs):
    wait_for_epoch(epoch, folder, workers, logs)
    workers[1].kill()
    assert ends(workers[:1]) == [2], logs[0].read_text()
  text = logs[0].read_text()
  assert 'error: Worker 1 (localhost:' in text
  assert 'Traceback' not in text


def stop_a_worker(root, folder, mode, epoch, settings=()):
  """After an epoch; both end in the same place."""
  with two_workers(root, folder, mode, settings) as (workers, logs):
    wait_for_epoch(epoch, folder, workers, logs)
    starts = [len(log.read_text()) for log in logs]
    workers[1].send_signal(signal.SIGTERM)
    assert ends(workers) == [75, 75], logs[0].read_text()
  first, second = (log.read_text()[n:] for log, n in zip(logs, starts))
  assert 'preempted (another worker was stopped)' in first
  assert 'preempted (SIGTERM)' in second
  assert 'Traceback' not in first and 'is gone' not in first
  (position,) = re.findall(r'Stopped after (.*)\. The same command', first)
  assert position in second


def finish(root, folder, mode, settings=()):
  with two_workers(root, folder, mode, settings) as (workers, logs):
    assert ends(workers) == [0, 0], logs[0].read_text()
  return logs[0].read_text()


def on_one_device(root, folder, mode, settings=()):
  """In this process."""
  result = command.here(*arguments(root, folder, mode, 'none', *settings))
  assert result.returncode == 0, result.stderr


def assert_same_scores(root, folder):
  results = folder / 'eval' / 'val' / 'results.json'
  on_one_device(root, folder, 'eval')
  expected = json.loads(results.read_text())
  results.unlink()
  finish(root, folder, 'eval')
  assert json.loads(results.read_text()) == expected
  assert expected['num_images'] == 3


@pytest.mark.slow
def test_a_training_whose_worker_is_killed_then_stopped_ends_as_on_one_device(
  root,
):
  one, two = root / 'train_one', root / 'train_two'
  on_one_device(root, one, 'train')
  kill_a_worker(root, two, 'train', epoch=1)
  stop_a_worker(root, two, 'train', epoch=2)
  assert 'Resuming after epoch 2' in finish(root, two, 'train')
  assert_same_metrics(one, two)
  assert_same_scores(root, two)


@pytest.mark.slow
def test_a_search_ends_as_on_one_device(root):
  one, two = root / 'search_one', root / 'search_two'
  settings = draw.of('two workers').flags
  on_one_device(root, one, 'search', settings)
  finish(root, two, 'search', settings)
  assert_same_search(one, two)


@pytest.mark.soak
def test_a_search_whose_worker_is_killed_then_stopped_ends_as_on_one_device(
  root,
):
  one, two = root / 'killed_one', root / 'killed_two'
  settings = draw.of('two workers, killed').flags
  on_one_device(root, one, 'search', settings)
  kill_a_worker(root, two, 'search', 1, settings)
  stop_a_worker(root, two, 'search', 2, settings)
  assert 'Resuming after epoch 2' in finish(root, two, 'search', settings)
  assert_same_search(one, two)


@pytest.mark.slow
def test_workers_that_differ_say_in_what(root):
  folder = root / 'different'
  other = 'search.learning_rate=3e-3'
  with two_workers(root, folder, 'search', of_second=[other]) as (
    workers,
    logs,
  ):
    assert ends(workers) == [2, 2]
  for log in logs:
    text = log.read_text()
    assert 'error: Worker 1 (localhost:' in text
    assert 'has another search.learning_rate than worker 0' in text
    assert 'Traceback' not in text
  assert not folder.exists()

"""Two workers search as one device does, and one that is killed is named."""

from __future__ import annotations

import json
import socket
import time

import pytest

from tests import command
from tests.scripts import scenes

pytestmark = pytest.mark.slow

EPOCHS, STEPS = 3, 20
SETTINGS = (
  *('space.num_layers=2', 'space.num_blocks=1', 'space.filter_multiplier=2'),
  *('data.crop_size=[33, 33]', 'data.batch_size=4', 'runtime.num_panels=1'),
  *(f'search.epochs={EPOCHS}', f'search.steps_per_epoch={STEPS}'),
  *('search.learning_rate=2e-3', 'search.end_learning_rate=1e-4'),
  'search.arch_start_epoch=1',
)
# A worker waits for the others; on a busy machine they start one by one.
LONGEST_SECONDS = 600


def start(records, folder, distribution, log, **variables):
  return command.start(
    *(log, 'scripts/train.py', '--mode=search', '--resume'),
    *('--config=quickstart', f'--data_dir={records}', f'--run_dir={folder}'),
    *(f'--set={setting}' for setting in SETTINGS),
    f'--distribution={distribution}',
    **variables,
  )


def start_workers(records, folder, logs):
  cluster = {'worker': [f'localhost:{port}' for port in free_ports(2)]}
  processes = []
  for index, log in enumerate(logs):
    task = {'type': 'worker', 'index': index}
    text = json.dumps({'cluster': cluster, 'task': task})
    processes.append(
      start(records, folder, 'multi_worker', log, TF_CONFIG=text)
    )
  return processes


def free_ports(count):
  sockets = [socket.socket() for _ in range(count)]
  for each in sockets:
    each.bind(('localhost', 0))
  ports = [each.getsockname()[1] for each in sockets]
  for each in sockets:
    each.close()
  return ports


def metrics(folder):
  lines = (folder / 'metrics.jsonl').read_text().splitlines()
  return [json.loads(line) for line in lines]


def test_a_killed_worker_is_named_and_the_job_ends_as_on_one_device(tmp_path):
  records = scenes.make(tmp_path, num_val=3)
  one, two = tmp_path / 'one', tmp_path / 'two'
  alone = start(records, one, 'none', tmp_path / 'log')
  assert alone.wait(LONGEST_SECONDS) == 0
  logs = [tmp_path / f'log{index}' for index in range(2)]
  workers = start_workers(records, two, logs)
  try:
    while not (two / 'metrics.jsonl').exists():
      assert workers[0].poll() is None, logs[0].read_text()
      time.sleep(0.1)
    workers[1].kill()
    assert workers[0].wait(LONGEST_SECONDS) == 2
    text = logs[0].read_text()
    assert 'error: Worker 1 (localhost:' in text
    assert 'Traceback' not in text

    workers = start_workers(records, two, logs)
    assert [each.wait(LONGEST_SECONDS) for each in workers] == [0, 0]
  finally:
    for each in workers:
      each.kill()
      each.wait()
  assert 'Resuming after epoch' in logs[0].read_text()
  expected, actual = metrics(one), metrics(two)
  assert len(expected) == len(actual) == EPOCHS
  for ours, theirs in zip(actual, expected):
    for name in ('loss', 'val_loss', 'alpha_entropy', 'beta_entropy'):
      assert ours[name] == pytest.approx(theirs[name], rel=1e-2), name

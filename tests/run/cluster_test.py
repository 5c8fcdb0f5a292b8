"""What TF_CONFIG says, or fails to."""

from __future__ import annotations

import json
import socket

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import runtime as config_runtime
from deeplab_nas.run import cluster

CLUSTER = {
  'cluster': {'worker': ['left:1', 'right:2']},
  'task': {'type': 'worker', 'index': 0},
}


def config(**settings):
  return config_runtime.RuntimeConfig(**settings)


def test_workers_need_a_cluster(monkeypatch):
  monkeypatch.delenv('TF_CONFIG', raising=False)
  with pytest.raises(errors.UserError, match='needs the variable TF_CONFIG'):
    cluster.is_chief(config(distribution='multi_worker'))


@pytest.mark.parametrize(
  'text',
  [
    'no json',
    '{}',
    '[1]',
    '{"cluster": {"worker": 3}, "task": {}}',
    json.dumps({**CLUSTER, 'task': {'type': 'worker', 'index': 2}}),
    json.dumps({**CLUSTER, 'task': {'type': 'ps', 'index': 0}}),
    json.dumps({**CLUSTER, 'cluster': {'worker': ['left', 'right:2']}}),
    json.dumps({**CLUSTER, 'cluster': {'worker': 'left:1'}}),
    json.dumps({**CLUSTER, 'cluster': {'worker': ['left:65536']}}),
    json.dumps({**CLUSTER, 'task': {'type': 'worker', 'index': True}}),
    json.dumps({**CLUSTER, 'task': {'type': 'worker', 'index': 1.0}}),
  ],
)
def test_a_cluster_that_is_none_is_refused(monkeypatch, text):
  monkeypatch.setenv('TF_CONFIG', text)
  with pytest.raises(errors.UserError, match='TF_CONFIG is'):
    cluster.read()


@pytest.mark.parametrize('index', [0, 1])
def test_the_first_worker_is_the_chief(monkeypatch, index):
  task = {'type': 'worker', 'index': index}
  monkeypatch.setenv('TF_CONFIG', json.dumps({**CLUSTER, 'task': task}))
  assert cluster.is_chief(config(distribution='multi_worker')) == (index == 0)
  assert cluster.is_chief(config())


def set_cluster(monkeypatch, index, chief):
  config = {
    'cluster': {'worker': [chief, 'right:2']},
    'task': {'type': 'worker', 'index': index},
  }
  monkeypatch.setenv('TF_CONFIG', json.dumps(config))


def test_others_wait_for_the_first_worker(monkeypatch):
  with socket.create_server(('localhost', 0)) as server:
    chief = f'localhost:{server.getsockname()[1]}'
    set_cluster(monkeypatch, 1, chief)
    cluster.wait_for_chief(0)
  with pytest.raises(errors.UserError, match='has not answered') as caught:
    cluster.wait_for_chief(0)
  assert f'Worker 0 ({chief})' in str(caught.value)
  set_cluster(monkeypatch, 0, chief)
  cluster.wait_for_chief(0)


def test_a_worker_that_is_gone_is_named(monkeypatch):
  error = tf.errors.UnavailableError(
    None, None, 'failed for /job:worker/replica:0/task:1/device:CPU:0'
  )
  monkeypatch.delenv('TF_CONFIG', raising=False)
  assert cluster.lost_worker(error) is None
  monkeypatch.setenv('TF_CONFIG', json.dumps(CLUSTER))
  assert 'Worker 1 (right:2) is gone' in cluster.lost_worker(error)
  assert cluster.lost_worker(ValueError('task:1')) is None
  monkeypatch.setenv('TF_CONFIG', '{"task": "of another program"}')
  assert cluster.lost_worker(ValueError('task:1')) is None
  monkeypatch.setenv('TF_CONFIG', json.dumps(CLUSTER))
  unknown = tf.errors.AbortedError(None, None, 'stopped')
  assert 'Another worker is gone' in cluster.lost_worker(unknown)


def test_a_worker_writes_elsewhere_and_reads_what_is_resumed(tmp_path):
  run = cluster.worker_directory(tmp_path / 'shared')
  assert run.path != tmp_path and run.pictures.is_dir()
  assert run.resumed.path == tmp_path / 'shared'
  assert not (tmp_path / 'shared').exists()

"""A node says why it cannot run trials, and what became of those it ran.

That a trial which succeeds comes back is tested with `ray_executor`.
"""

import os
import pathlib
import shutil

import pytest

import deeplab_nas
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.search.trials.cluster import node_worker
from tests.search.trials import executor_test


@pytest.fixture
def made(monkeypatch):
  monkeypatch.setenv('CUDA_VISIBLE_DEVICES', '3')
  workers = []

  def make(settings=executor_test.SETTINGS, has_accelerator=False):
    # In which a process cannot even have started.
    workers.append(node_worker.NodeWorker(settings, 0.2, has_accelerator))
    return workers[-1]

  yield make
  for each in workers:
    each.end()


def settings_of(folder, **search):
  values = {'data': {'dir': str(folder)}, 'search': search}
  return config_lib.Config.from_dict(values).to_dict()


def test_a_node_with_all_that_is_needed_refuses_nothing(made, records):
  digest = dataset_info.digest(records)
  worker = made(settings_of(records))
  assert worker.refusal(deeplab_nas.__version__, digest) is None
  reason = worker.refusal(deeplab_nas.__version__, 'another')
  assert 'has other data in' in reason and records in reason
  assert ', the search is of 9.9.9: install' in worker.refusal('9.9.9', digest)


@pytest.mark.parametrize(
  ('lost', 'said'), [('dataset.json', 'does not exist'), ('train-*', 'shards')]
)
def test_a_node_without_the_data_says_what_it_lacks(
  made, records, tmp_path, lost, said
):
  copy = pathlib.Path(shutil.copytree(records, tmp_path / 'copy'))
  for path in list(copy.glob(lost))[:1]:
    path.unlink()
  digest = dataset_info.digest(records)
  reason = made(settings_of(copy)).refusal(deeplab_nas.__version__, digest)
  assert 'needs the same files as this machine: ' in reason
  assert said in reason and str(copy) in reason


def test_a_node_without_the_table_of_latencies_says_so(made, records):
  settings = settings_of(records, latency_table='/nowhere/table.json')
  digest = dataset_info.digest(records)
  reason = made(settings).refusal(deeplab_nas.__version__, digest)
  assert 'needs the same files as this machine: ' in reason
  assert '/nowhere/table.json' in reason


def test_files_are_found_from_any_folder_and_names_stay(
  made, records, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  for name in ('teacher', 'weights.json'):
    pathlib.Path(name).touch()
  settings = settings_of(os.path.relpath(records))
  settings['train'].update(init_from='teacher', class_weights='weights.json')
  whole = node_worker.with_whole_paths(settings)
  assert whole['data']['dir'] == str(records)
  assert whole['train']['init_from'] == str(tmp_path / 'teacher')
  assert whole['train']['class_weights'] == str(tmp_path / 'weights.json')
  digest = dataset_info.digest(records)
  assert made(whole).refusal(deeplab_nas.__version__, digest) is None
  for name in ('teacher', 'weights.json'):
    pathlib.Path(name).unlink()
    reason = made(whole).refusal(deeplab_nas.__version__, digest)
    assert reason.endswith(f'{tmp_path / name} does not exist.')
    pathlib.Path(name).touch()
  settings['train'].update(init_from='', class_weights='inverse')
  whole = node_worker.with_whole_paths(settings)
  assert whole['train'] == settings['train']


def test_what_is_lost_comes_back_as_such_and_leaves_no_file(made, tmp_path):
  worker = made()
  job = executor_test.job(tmp_path, 3)
  for _ in range(2):
    answer = worker.run(job.to_line())
    assert answer.outcome is None and answer.node
    assert answer.loss == 'timeout: no step for 0.2 s'
  assert list(tmp_path.iterdir()) == []


def test_without_an_accelerator_of_its_own_it_takes_none(made):
  made(has_accelerator=True)
  assert os.environ['CUDA_VISIBLE_DEVICES'] == '3'
  made(has_accelerator=False)
  assert os.environ['CUDA_VISIBLE_DEVICES'] == ''

"""A start without a result leaves the folder as it was."""

import json
import os

import pytest

from deeplab_nas.config import config as config_lib
from deeplab_nas.run import continuation
from deeplab_nas.run import overwrite as run_overwrite
from deeplab_nas.run.directory import RunDirectory
from tests.run.folders import CONFIG, files, put


def test_overwrite_removes_the_run_and_nothing_else(started):
  started.genotype.write_text('{}')
  started.checkpoints.mkdir()
  (started.checkpoints / 'weights').write_text('x')
  (started.path / 'notes.txt').write_text('mine')
  run = RunDirectory.create(started.path, overwrite=True)
  left = {path.name for path in run.path.iterdir()}
  assert left == {'notes.txt', 'pictures', '.replaced'}
  assert not list(run.pictures.iterdir())
  run.settle()
  left = {path.name for path in run.path.iterdir()}
  assert left == {'notes.txt', 'pictures'}


def test_a_refused_run_leaves_nothing(started):
  started.discard()
  assert not started.path.exists()


@pytest.mark.parametrize('name', ['checkpoints', 'best'])
def test_a_run_with_results_is_not_discarded(started, name):
  put(started.path / name, 'new')
  started.discard()
  assert started.config.is_file()
  assert (started.path / name / 'new.index').is_file()


@pytest.fixture
def old(started):
  """A finished run, and something of another program."""
  started.metrics.write_text('{"epoch": 1}')
  put(started.checkpoints, 'old')
  (started.path / 'notes.txt').write_text('mine')
  return started


def overwrite(run):
  new = RunDirectory.create(run.path, overwrite=True)
  continuation.start(new, CONFIG, ['train.py', '--overwrite'])
  return new


def test_a_refused_overwrite_puts_the_run_back(old):
  before = files(old)
  new = overwrite(old)
  new.metrics.write_text('half an epoch')
  assert not new.checkpoints.exists()
  new.discard()
  assert files(old) == before


def test_a_killed_overwrite_is_undone_at_the_next_start(old):
  before = files(old)
  overwrite(old)
  RunDirectory.create(old.path, resume=True)
  assert files(old) == before
  overwrite(old)
  overwrite(old).discard()
  assert files(old) == before


def test_an_overwrite_killed_while_moving_is_undone(old, monkeypatch):
  before = files(old)
  replace = os.replace

  def fail(source, target):
    if os.fspath(source).endswith('metrics.jsonl'):
      raise KeyboardInterrupt
    replace(source, target)

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(run_overwrite.os, 'replace', fail)
    RunDirectory.create(old.path, overwrite=True)
  assert files(old) != before
  RunDirectory.create(old.path, resume=True)
  assert files(old) == before


def test_a_replaced_run_is_gone_when_there_are_results(old):
  put(overwrite(old).checkpoints, 'new')
  assert (old.path / '.replaced').is_dir()
  run = RunDirectory.create(old.path, resume=True)
  assert not (old.path / '.replaced').exists()
  assert [path.name for path in run.checkpoints.iterdir()] == ['new.index']


def test_a_refused_resume_changes_nothing(old):
  before = files(old)
  run = RunDirectory.create(old.path, resume=True)
  moved = config_lib.load('quickstart', ['data.dir=/elsewhere'])
  continuation.start(run, moved, ['train.py'])
  run.dataset.write_text('{}')
  run.discard()
  assert files(old) == before


def test_a_resume_that_finished_an_epoch_is_kept(old):
  run = RunDirectory.create(old.path, resume=True)
  continuation.start(run, CONFIG, ['train.py', '--resume'])
  run.settle()
  run.discard()
  assert len(json.loads(run.provenance.read_text())['starts']) == 2

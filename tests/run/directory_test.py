"""The run's folder: taken, refused, and where things are in it."""

import os

import pytest

from deeplab_nas import errors
from deeplab_nas.run.directory import RunDirectory


def test_a_new_folder_is_made_with_its_parents(tmp_path):
  run = RunDirectory.create(tmp_path / 'a' / 'b')
  assert run.pictures.is_dir()
  assert not run.is_started


def test_an_empty_folder_is_taken(tmp_path):
  assert RunDirectory.create(tmp_path).path == tmp_path


@pytest.mark.parametrize('resume, overwrite', [(True, False), (False, True)])
def test_resume_and_overwrite_also_start_a_run(tmp_path, resume, overwrite):
  run = RunDirectory.create(tmp_path / 'new', resume, overwrite)
  assert run.pictures.is_dir()


@pytest.mark.parametrize('resume, overwrite', [(True, False), (False, True)])
def test_what_a_killed_start_left_is_taken(tmp_path, resume, overwrite):
  (tmp_path / 'pictures').mkdir()
  run = RunDirectory.create(tmp_path, resume, overwrite)
  assert run.pictures.is_dir()


def test_a_run_is_not_touched_without_resume_or_overwrite(started):
  before = sorted(started.path.rglob('*'))
  with pytest.raises(errors.UserError, match='add --resume .* or --overwrite'):
    RunDirectory.create(started.path)
  assert sorted(started.path.rglob('*')) == before


def test_a_folder_with_something_else_is_not_taken(tmp_path):
  (tmp_path / 'notes.txt').write_text('mine')
  with pytest.raises(errors.UserError, match='is not empty'):
    RunDirectory.create(tmp_path)


def test_resume_keeps_everything(started):
  started.genotype.write_text('{}')
  run = RunDirectory.create(started.path, resume=True)
  assert run.genotype.read_text() == '{}'
  assert run.is_started


@pytest.mark.parametrize('resume, overwrite', [(True, False), (False, True)])
@pytest.mark.parametrize('name', ['config.yaml', 'genotype.json'])
def test_files_of_other_programs_are_never_replaced(
  tmp_path, name, resume, overwrite
):
  (tmp_path / name).write_text('mine')
  with pytest.raises(errors.UserError, match='choose another folder'):
    RunDirectory.create(tmp_path, resume, overwrite)
  assert (tmp_path / name).read_text() == 'mine'


@pytest.mark.parametrize('name', ['ledger.db-journal', 'finals.db-journal'])
def test_the_journal_of_an_overwritten_database_goes_with_it(started, name):
  """SQLite would roll it back into the new one."""
  (started.path / name).write_text('of the old one')
  run = RunDirectory.create(started.path, overwrite=True)
  assert not (run.path / name).exists()
  run.discard()
  assert (run.path / name).read_text() == 'of the old one'


def test_a_file_is_no_folder(tmp_path):
  (tmp_path / 'run').write_text('')
  with pytest.raises(errors.UserError, match='is a file, not a folder'):
    RunDirectory.create(tmp_path / 'run')


def test_resume_and_overwrite_exclude_each_other(tmp_path):
  with pytest.raises(errors.UserError, match='Choose one of'):
    RunDirectory.create(tmp_path, resume=True, overwrite=True)


def test_epochs_sort_by_name():
  run = RunDirectory('run')
  assert run.genotype_of_epoch(7).name == 'epoch_0007.json'
  assert os.fspath(run) == str(run) == 'run'


@pytest.mark.parametrize(
  'path, expected',
  [
    ('runs/a', 'runs/a_train'),
    ('runs/a/', 'runs/a_train'),
    ('a b', 'a b_train'),
    ('.', '{here}_train'),
    ('deeper/..', '{here}_train'),
  ],
)
def test_what_follows_has_a_folder_beside(
  path, expected, tmp_path, monkeypatch
):
  (tmp_path / 'deeper').mkdir()
  monkeypatch.chdir(tmp_path)
  found = RunDirectory(path).beside('train')
  assert found == expected.format(here=tmp_path)

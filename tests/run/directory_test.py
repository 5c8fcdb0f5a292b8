"""The run's folder: refuses, resumes, overwrites, and writes whole files."""

import json
import os

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run.directory import RunDirectory
from deeplab_nas.space import genotype, zoo

CONFIG = config_lib.load('quickstart')


@pytest.fixture
def started(tmp_path):
  run = RunDirectory.create(tmp_path / 'run')
  run.write_provenance(CONFIG, ['train.py', '--mode=search'])
  return run


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


def test_a_run_is_not_touched_without_being_told(started):
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


@pytest.mark.parametrize('resume, overwrite', [(True, False), (False, True)])
@pytest.mark.parametrize('name', ['config.yaml', 'genotype.json'])
def test_files_of_other_programs_are_never_replaced(
  tmp_path, name, resume, overwrite
):
  (tmp_path / name).write_text('mine')
  with pytest.raises(errors.UserError, match='choose another folder'):
    RunDirectory.create(tmp_path, resume, overwrite)
  assert (tmp_path / name).read_text() == 'mine'


def test_a_file_is_no_folder(tmp_path):
  (tmp_path / 'run').write_text('')
  with pytest.raises(errors.UserError, match='is a file, not a folder'):
    RunDirectory.create(tmp_path / 'run')


def test_resume_and_overwrite_exclude_each_other(tmp_path):
  with pytest.raises(errors.UserError, match='Choose one of'):
    RunDirectory.create(tmp_path, resume=True, overwrite=True)


def test_the_config_reads_back(started):
  assert config_lib.load(str(started.config)) == CONFIG


def test_the_provenance_says_what_was_run_with_what(started):
  (start,) = json.loads(started.provenance.read_text())['starts']
  assert start['command'] == 'python train.py --mode=search'
  assert start['packages']['tensorflow'].startswith('2.')
  assert start['python'].startswith('3.')
  assert start['time'][:2] == '20'
  assert start['commit'] is None or len(start['commit'].split('-')[0]) == 40


def test_every_start_is_recorded(started):
  started.write_provenance(CONFIG, ['train.py', '--resume'])
  starts = json.loads(started.provenance.read_text())['starts']
  assert [start['command'].split()[-1] for start in starts] == [
    '--mode=search',
    '--resume',
  ]


def test_no_git_is_no_problem(monkeypatch, tmp_path):
  monkeypatch.setenv('PATH', str(tmp_path))
  run = RunDirectory.create(tmp_path / 'run')
  run.write_provenance(CONFIG, ['train.py'])
  (start,) = json.loads(run.provenance.read_text())['starts']
  assert start['commit'] is None


def test_a_run_goes_on_only_with_the_same_search(started):
  other = config_lib.load('quickstart', ['search.epochs=99'])
  with pytest.raises(errors.UserError, match='search.epochs=8, now it is 99'):
    started.write_provenance(other, ['train.py'])
  assert config_lib.load(str(started.config)) == CONFIG


def test_a_run_goes_on_where_the_data_moved(started):
  moved = config_lib.load('quickstart', ['data.dir=/elsewhere'])
  started.write_provenance(moved, ['train.py'])
  assert config_lib.load(str(started.config)) == moved


def test_a_run_goes_on_only_with_the_same_batches(started):
  other = config_lib.load('quickstart', ['data.batch_size=16'])
  with pytest.raises(errors.UserError, match='data.batch_size'):
    started.write_provenance(other, ['train.py'])


@pytest.fixture
def training(tmp_path):
  run = RunDirectory.create(tmp_path / 'training')
  run.write_provenance(CONFIG, ['train.py'], 'train')
  return run


def test_a_training_goes_on_only_with_the_same_training(training):
  assert training.mode == 'train'
  same = ['search.epochs=99', 'train.init_from=x', 'eval.flip=true']
  training.write_provenance(config_lib.load('quickstart', same), [], 'train')
  for other in ('train.epochs=3', 'network.aspp_rates=[1]', 'data.flip=false'):
    with pytest.raises(errors.UserError, match=other.split('=')[0]):
      training.write_provenance(
        config_lib.load('quickstart', [other]), [], 'train'
      )


def test_a_search_is_no_training(started, training):
  with pytest.raises(errors.UserError, match='holds a search, not a training'):
    started.write_provenance(CONFIG, [], 'train')
  with pytest.raises(errors.UserError, match='holds a training, not a search'):
    training.write_provenance(CONFIG, [], 'search')


def test_the_genotype_of_results_is_not_replaced(training):
  held, other = zoo.load('auto_deeplab'), zoo.load('deeplabv3')
  training.keep_genotype(other)
  training.keep_genotype(held)  # no results yet
  training.metrics.write_text('')
  training.keep_genotype(held)
  with pytest.raises(errors.UserError, match=f'trains genotype {held.digest}'):
    training.keep_genotype(other)
  assert genotype.Genotype.load(training.genotype) == held


def test_a_refused_run_leaves_nothing(started):
  started.discard()
  assert not started.path.exists()


def put(folder, name):
  """A checkpoint, as far as the folder looks into it."""
  folder.mkdir(exist_ok=True)
  (folder / f'{name}.index').write_text(name)


def files(run):
  """Content of all files by path."""
  return {
    str(path.relative_to(run.path)): path.read_text()
    for path in run.path.rglob('*')
    if path.is_file()
  }


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
  new.write_provenance(CONFIG, ['train.py', '--overwrite'])
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
    patch.setattr(run_directory.os, 'replace', fail)
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
  run.write_provenance(moved, ['train.py'])
  run.dataset.write_text('{}')
  run.discard()
  assert files(old) == before


def test_a_resume_that_finished_an_epoch_is_kept(old):
  run = RunDirectory.create(old.path, resume=True)
  run.write_provenance(CONFIG, ['train.py', '--resume'])
  run.settle()
  run.discard()
  assert len(json.loads(run.provenance.read_text())['starts']) == 2


def test_an_imported_network_is_not_resumed(training):
  put(training.best, 'tf1')
  before = files(training)
  run = RunDirectory.create(training.path, resume=True)
  with pytest.raises(
    errors.UserError, match=f'--init_from={run} and another --run_dir'
  ):
    run.write_provenance(CONFIG, ['train.py', '--resume'], 'train')
  run.discard()
  assert files(training) == before


@pytest.mark.parametrize('name', ['config.yaml', 'run.json'])
@pytest.mark.parametrize(
  'content', ['', 'hello', '{', 'search: 1', '{"mode": 1}', '{"starts": 1}']
)
def test_damaged_files_are_named(started, name, content):
  (started.path / name).write_text(content)
  with pytest.raises(errors.UserError, match=f'{name} is damaged'):
    started.write_provenance(CONFIG, ['train.py'])


def test_epochs_sort_by_name():
  run = RunDirectory('run')
  assert run.genotype_of_epoch(7).name == 'epoch_0007.json'
  assert os.fspath(run) == str(run) == 'run'

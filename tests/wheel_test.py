"""The package as pip installs it, without the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import pytest

from deeplab_nas.cli import main
from tests import command
from tests.data import tiny_folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def installed(tmp_path_factory):
  """A folder with the installed wheel; what it needs is of this environment."""
  root = tmp_path_factory.mktemp('wheel')
  pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '-q']
  source = root / 'source'
  shutil.copytree(
    command.ROOT / 'deeplab_nas',
    source / 'deeplab_nas',
    ignore=shutil.ignore_patterns('__pycache__'),
  )
  for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
    shutil.copy(command.ROOT / name, source)
  subprocess.run(
    [
      *pip,
      'wheel',
      '--no-deps',
      '--no-build-isolation',
      '--wheel-dir',
      root / 'dist',
      source,
    ],
    check=True,
  )
  (wheel,) = (root / 'dist').glob('deeplab_nas-*.whl')
  subprocess.run(
    [*pip, 'install', '--no-deps', '--target', root / 'site', wheel], check=True
  )
  return root / 'site'


@pytest.fixture
def run(installed, tmp_path):
  """Runs the installed program in an empty folder."""

  def run(*words):
    environment = {**os.environ, 'PYTHONPATH': str(installed)}
    return subprocess.run(
      [sys.executable, installed / 'bin' / 'deeplab-nas', *words],
      capture_output=True,
      text=True,
      cwd=tmp_path,
      env=environment,
    )

  return run


def test_only_the_package_is_installed(installed):
  names = {path.name for path in installed.iterdir()}
  assert {name for name in names if not name.endswith('.dist-info')} == {
    'bin',
    'deeplab_nas',
  }
  assert (installed / 'deeplab_nas' / 'space' / 'zoo').is_dir()


def test_help_lists_the_commands(run):
  result = run('--help')
  assert result.returncode == 0 and result.stderr == ''
  for name in main.COMMANDS:
    assert f'\n  {name}  ' in result.stdout


def test_messages_name_the_program(run):
  assert command.refusal(run('search', '--confg=quickstart')) == (
    'error: There is no flag --confg: did you mean --config?'
  )
  sentence = command.refusal(run('search', '--config=quickstart'))
  assert 'the folder that deeplab-nas convert wrote' in sentence


def test_data_is_converted_checked_and_a_search_of_it_measured(run, tmp_path):
  tiny_folder.TinyFolder(tmp_path / 'mine', [f'image{i}' for i in range(10)])
  done = run('convert', 'folder', '--data_dir=mine', '--output_dir=records')
  assert done.returncode == 0, done.stderr
  done = run('check', '--dataset_dir=records')
  assert done.returncode == 0, done.stderr
  done = run(
    'search',
    '--config=quickstart',
    '--data_dir=records',
    '--set=space.num_layers=1',
    '--set=space.num_blocks=1',
    '--set=data.crop_size=[17, 17]',
    '--set=data.batch_size=2',
    '--set=search.epochs=1',
    '--set=search.arch_start_epoch=0',
    '--run_dir=run',
  )
  assert done.returncode == 0, done.stderr
  assert 'FutureWarning' not in done.stderr
  assert '  deeplab-nas train --config=' in done.stdout + done.stderr
  assert 'scripts/' not in done.stdout + done.stderr
  record = (tmp_path / 'run' / 'run.json').read_text('utf-8')
  assert '"command": "deeplab-nas search --config=quickstart' in record
  assert '"end": "finished"' in record


def test_the_doctor_works(run):
  done = run('doctor')
  assert 'error' not in done.stderr
  assert 'scripts/' not in done.stdout

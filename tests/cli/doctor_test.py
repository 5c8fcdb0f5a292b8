"""The doctor, as from a shell, in environments that are good and broken."""

from __future__ import annotations

import os

import pytest

from deeplab_nas.doctor import checkup
from tests import command

NAMES = [check.name for check in checkup.checks('.')]


@pytest.fixture
def doctor(tmp_path):
  """Runs it with `tmp_path/path` before all other packages."""

  def run(*flags, **variables):
    path = f'{tmp_path}/path{os.pathsep}{command.ROOT}'
    return command.run(
      'scripts/doctor.py', *flags, PYTHONPATH=path, **variables
    )

  def put(module, text):
    folder = tmp_path / 'path' / module
    folder.mkdir(parents=True)
    (folder / '__init__.py').write_text(text)

  run.put = put
  return run


def by_name(result):
  """The line of each check."""
  lines = result.stdout.splitlines()[:-1]
  assert [line[5 : 5 + 18].strip() for line in lines] == NAMES, result.stderr
  return dict(zip(NAMES, lines))


def status(line):
  return line.split()[0]


@pytest.mark.slow
@pytest.mark.parametrize(
  'variables, keras',
  [({}, 'keras 2.'), ({'TF_USE_LEGACY_KERAS': '1'}, 'tf_keras 2.')],
)
def test_a_good_environment_passes(doctor, tmp_path, variables, keras):
  result = doctor(f'--run_dir={tmp_path}/runs/a', **variables)
  lines = by_name(result)
  assert result.returncode == 0, result.stdout
  assert {status(line) for line in lines.values()} <= {'ok', 'warn'}
  assert f'tf.keras is {keras}' in lines['keras']
  assert 'losses finite' in lines['supernet']
  assert result.stdout.splitlines()[-1].startswith('Nothing failed')
  assert result.stderr == ''
  assert not (tmp_path / 'runs').exists()


def test_a_broken_tensorflow_skips_what_needs_it(doctor, tmp_path):
  doctor.put('tensorflow', "raise ImportError('libtensorflow is gone')")
  result = doctor()
  lines = by_name(result)
  assert result.returncode == 2
  assert status(lines['tensorflow']) == 'FAIL'
  assert 'ImportError: libtensorflow is gone' in lines['tensorflow']
  assert f'{tmp_path}/path/tensorflow' in lines['tensorflow']
  for name in NAMES[NAMES.index('tensorflow') + 1 :]:
    assert status(lines[name]) == 'skip'
  for name in ('python', 'packages', 'disk'):
    assert status(lines[name]) != 'FAIL'
  assert result.stdout.splitlines()[-1].startswith('1 failed')
  assert result.stderr == ''


def test_a_tensorflow_that_kills_python_is_one_failure(doctor):
  doctor.put(
    'tensorflow',
    'import os, signal\n'
    "os.write(2, b'compiled to use AVX instructions')\n"
    'os.kill(os.getpid(), signal.SIGABRT)\n',
  )
  result = doctor()
  assert result.returncode == 2
  (line,) = [x for x in by_name(result).values() if status(x) == 'FAIL']
  assert 'SIGABRT): compiled to use AVX' in line
  assert result.stderr == ''


def test_several_failures_are_all_said(doctor, tmp_path):
  doctor.put('tensorflow', "raise ImportError('libtensorflow is gone')")
  doctor.put('tqdm-1.0.dist-info', '')
  about = tmp_path / 'path' / 'tqdm-1.0.dist-info' / 'METADATA'
  about.write_text('Name: tqdm\nVersion: 1.0\n')
  (tmp_path / 'file').touch()
  result = doctor(f'--run_dir={tmp_path}/file/run')
  lines = by_name(result)
  assert result.returncode == 2
  for name in ('packages', 'disk', 'tensorflow'):
    assert status(lines[name]) == 'FAIL'
  assert 'tqdm is 1.0' in lines['packages']
  assert 'pip install --editable' in lines['packages']
  assert 'Not a directory' in lines['disk']
  assert result.stdout.splitlines()[-1].startswith('3 failed')


def test_requirements_that_cannot_be_read_are_a_failure(doctor):
  doctor.put('packaging', "raise ImportError('gone', name='packaging')")
  doctor.put('tensorflow', "raise ImportError('libtensorflow is gone')")
  result = doctor()
  lines = by_name(result)
  assert status(lines['python']) == 'warn'
  assert 'packaging is not installed' in lines['packages']


def test_a_python_without_the_package_gets_the_command_that_installs_it(doctor):
  doctor.put('absl', "raise ImportError('No module named absl')")
  result = doctor()
  assert result.returncode == 2
  (line,) = result.stdout.splitlines()
  assert line.startswith('FAIL') and 'No module named absl' in line
  assert 'source .venv/bin/activate' in line
  assert f'pip install --editable {command.ROOT}' in line
  assert result.stderr == ''

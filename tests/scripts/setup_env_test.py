"""The shell scripts: which Python they take, what they install, and when."""

from __future__ import annotations

import os
import pathlib
import shutil
import signal
import subprocess

import pytest

from tests import command

ROOT = pathlib.Path(__file__).parent.parent.parent
SETUP = ROOT / 'scripts' / 'setup_env.sh'
BASH = shutil.which('bash')

# Answers as an interpreter does; `-m venv DIR` copies itself there, and
# `-m pip` only takes notes.
FAKE_PYTHON = """#!{bash}
case "$1 $2" in
  '--version ') echo 'Python 3.{minor}.1' ;;
  -c*) [ {minor} -ge 9 ] && [ {minor} -lt 14 ] ;;
  '-m venv') mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  '-m pip')
    case "$PYTHONWARNINGS $*" in
      'ignore '*|*--upgrade*) ;;
      *) echo 'BuildBackendWarning: Editable installation.' >&2 ;;
    esac
    echo "$@" >> "{notes}"; exit {pip_status} ;;
esac
"""

# Lets everything be installed, takes notes of the doctor, which finds fault,
# and does to all other programs what it is told.
FAKE_WORKER = """#!{bash}
case "$*" in
  -c*|*' pip '*) ;;
  *doctor.py*) echo "$@" >> "{notes}"; exit 2 ;;
  *) {deed} ;;
esac
"""


@pytest.fixture
def shell(tmp_path):
  """Runs `set_up` among fake interpreters; they are the only ones."""
  programs = tmp_path / 'programs'
  programs.mkdir()
  for name in ('dirname', 'cksum', 'mkdir', 'cp', 'rm', 'cat', 'chmod'):
    (programs / name).symlink_to(shutil.which(name))

  def run(extra='', cwd=tmp_path, **variables):
    return subprocess.run(
      [BASH, '-c', f"set -euo pipefail; source '{SETUP}'; set_up '{extra}'"],
      capture_output=True,
      text=True,
      cwd=cwd,
      env={
        'PATH': str(programs),
        'VENV': str(tmp_path / 'venv'),
        **variables,
      },
    )

  def python(name, minor, pip_status=0):
    path = programs / name
    path.write_text(
      FAKE_PYTHON.format(
        bash=BASH,
        minor=minor,
        notes=tmp_path / 'pip.txt',
        pip_status=pip_status,
      )
    )
    path.chmod(0o755)
    return path

  def installed():
    notes = tmp_path / 'pip.txt'
    lines = notes.read_text().splitlines() if notes.exists() else []
    return [line.split()[-1] for line in lines]

  run.python, run.installed, run.venv = python, installed, tmp_path / 'venv'
  return run


def files(folder):
  """What a folder holds, and what is in its files."""
  return {
    path.relative_to(folder): path.is_file() and path.read_bytes()
    for path in folder.rglob('*')
  }


@pytest.mark.parametrize('target', ['other', 'nothing'])
def test_a_link_to_another_environment_stays(shell, tmp_path, target):
  python = shell.python('python3.11', 11)
  other = tmp_path / 'other'
  (other / 'bin').mkdir(parents=True)
  shutil.copy(python, other / 'bin' / 'python')
  shell.venv.symlink_to(tmp_path / target)
  before = files(other)
  result = shell()
  assert result.returncode == 2
  (line,) = result.stderr.splitlines()
  where = other if target == 'other' else 'nothing'
  assert f'{shell.venv} is a link to {where}, which is not set up' in line
  assert 'VENV=DIR' in line
  assert shell.venv.is_symlink() and files(other) == before
  assert shell.installed() == []


def test_a_link_to_what_is_set_up_for_this_checkout_is_used(shell, tmp_path):
  shell.python('python3.11', 11)
  assert shell().returncode == 0
  count = len(shell.installed())
  shell.venv.rename(tmp_path / 'elsewhere')
  shell.venv.symlink_to(tmp_path / 'elsewhere')
  assert shell().returncode == 0
  assert len(shell.installed()) == count


def test_an_environment_of_another_checkout_stays(shell, tmp_path):
  shell.python('python3.11', 11)
  assert shell().returncode == 0
  stamp = shell.venv / '.installed'
  other = tmp_path / 'other checkout'
  stamp.write_text(stamp.read_text().replace(str(ROOT), str(other)))
  other.mkdir()
  before, count = files(shell.venv), len(shell.installed())
  for extra in ('', '[dev]'):
    result = shell(extra)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert f'{shell.venv} is set up for {other}, not for {ROOT}' in line
  assert files(shell.venv) == before
  assert len(shell.installed()) == count
  other.rmdir()  # it was moved: nobody is robbed
  assert shell().returncode == 0
  assert len(shell.installed()) > count


@pytest.mark.parametrize('minor', range(9, 14))
def test_a_suited_python_is_used(shell, minor):
  shell.python(f'python3.{minor}', minor)
  result = shell()
  assert result.returncode == 0, result.stderr
  assert f'Python 3.{minor}.1' in result.stdout
  assert shell.installed()[-1] == str(ROOT)
  assert result.stderr == ''  # pip has nothing to say that was asked for


def test_the_newest_python_of_the_older_tensorflow_is_taken(shell):
  for minor in range(9, 14):
    shell.python(f'python3.{minor}', minor)
  assert 'Python 3.11.1' in shell().stdout


def test_a_plain_python3_will_do(shell):
  shell.python('python3', 10)
  assert shell().returncode == 0


def test_no_suited_python_is_said_plainly(shell):
  shell.python('python3', 14)
  result = shell()
  assert result.returncode == 2
  (line,) = result.stderr.splitlines()
  assert 'needs one of Python 3.9 to 3.13' in line
  assert 'python3 is Python 3.14.1' in line
  assert not shell.venv.exists()


def test_no_python_at_all_is_said_plainly(shell):
  result = shell()
  assert result.returncode == 2
  assert 'python3 is no Python' in result.stderr


def test_the_chosen_python_has_to_be_suited(shell):
  shell.python('python3.11', 11)
  chosen = shell.python('mine', 8)
  result = shell(PYTHON=str(chosen))
  assert result.returncode == 2
  assert f'PYTHON={chosen} is Python 3.8.1' in result.stderr


def test_the_chosen_python_wins(shell):
  shell.python('python3.11', 11)
  assert '3.9.1' in shell(PYTHON=str(shell.python('mine', 9))).stdout


def test_a_second_call_installs_nothing(shell):
  shell.python('python3.11', 11)
  shell('[dev]')
  before = shell.installed()
  assert before[-1] == f'{ROOT}[dev]'
  for extra in ('[dev]', ''):  # the tests' environment will do for the rest
    result = shell(extra)
    assert (result.returncode, result.stdout) == (0, '')
  assert shell.installed() == before


def test_another_tensorflow_is_installed(shell):
  shell.python('python3.11', 11)
  shell()
  before = shell.installed()
  newer = {'DEEPLAB_NAS_TENSORFLOW': '2.20'}
  assert 'Installing' in shell(**newer).stdout
  assert shell.installed() == 2 * before
  assert shell(**newer).stdout == ''
  shell('[dev]')
  assert 'Installing' in shell(**newer).stdout


def test_the_tests_need_more_than_the_rest(shell):
  shell.python('python3.11', 11)
  shell('')
  shell('[dev]')
  assert shell.installed()[-1] == f'{ROOT}[dev]'


def test_a_failed_installation_is_repeated(shell):
  shell.python('python3.11', 11, pip_status=1)
  result = shell()
  assert result.returncode == 2
  assert 'the installation failed' in result.stderr
  tries = len(shell.installed())
  shell()
  assert len(shell.installed()) > tries


def test_an_environment_without_a_python_is_made_again(shell):
  shell.python('python3.11', 11)
  shell()
  (shell.venv / 'bin' / 'python').unlink()
  assert 'Making a virtual environment' in shell().stdout


@pytest.mark.parametrize('name', ['thesis.txt', '.hidden', 'bin/python'])
def test_a_folder_that_is_no_environment_stays(shell, name):
  shell.python('python3.11', 11)
  path = shell.venv / name
  path.parent.mkdir(parents=True)
  path.write_text('years of work')
  result = shell()
  assert result.returncode == 2
  (line,) = result.stderr.splitlines()
  assert f'{shell.venv} is no virtual environment' in line
  assert path.read_text() == 'years of work'
  assert shell.installed() == []


def test_a_file_in_the_place_of_an_environment_stays(shell):
  shell.python('python3.11', 11)
  shell.venv.write_text('years of work')
  assert f'{shell.venv} would be lost' in shell().stderr
  assert shell.venv.read_text() == 'years of work'


def test_an_empty_folder_and_half_an_environment_are_used(shell, tmp_path):
  shell.python('python3.11', 11)
  (tmp_path / 'empty').mkdir()
  (tmp_path / 'half').mkdir()
  (tmp_path / 'half' / 'pyvenv.cfg').write_text('home = /nowhere')
  for name in ('empty', 'half'):
    assert shell(VENV=name).returncode == 0
    assert (tmp_path / name / 'bin' / 'python').exists()


def test_a_relative_environment_is_meant_from_here(shell, tmp_path):
  shell.python('python3.11', 11)
  shell(VENV='here')
  assert (tmp_path / 'here' / 'bin' / 'python').exists()


@pytest.mark.parametrize(
  'path',
  [*sorted((ROOT / 'scripts').glob('*.sh')), ROOT / '.ci' / 'run'],
  ids=lambda path: path.name,
)
def test_every_shell_script_parses(path):
  result = subprocess.run([BASH, '-n', path], capture_output=True, text=True)
  assert result.returncode == 0, result.stderr
  if path.name != 'setup_env.sh':  # which is sourced
    assert 'set -euo pipefail' in path.read_text()
    assert os.access(path, os.X_OK)


@pytest.fixture
def readme_command(tmp_path):
  """Runs one of the README's commands on a fake interpreter.

  Gives the exit code, stderr and the doctor's command line, '' if not called.
  """

  def run(name, deed):
    notes = tmp_path / 'doctor.txt'
    python = tmp_path / 'venv' / 'bin' / 'python'
    python.parent.mkdir(parents=True)
    python.write_text(FAKE_WORKER.format(bash=BASH, notes=notes, deed=deed))
    python.chmod(0o755)
    result = subprocess.run(
      command.deaf_to_nothing([BASH, ROOT / 'scripts' / name]),
      capture_output=True,
      text=True,
      env={
        **os.environ,
        'VENV': str(tmp_path / 'venv'),
        'RUNS': str(tmp_path / 'runs'),
      },
    )
    called = notes.read_text() if notes.exists() else ''
    return result.returncode, result.stderr, called

  return run


README_COMMANDS = pytest.mark.parametrize(
  'name', ['quickstart.sh', 'run_tests.sh']
)


@README_COMMANDS
@pytest.mark.parametrize('code', [1, 2, 7])
def test_a_failure_calls_the_doctor_and_keeps_its_code(
  readme_command, name, code
):
  returned, stderr, called = readme_command(name, f'exit {code}')
  assert returned == code
  assert f'exit code {code}' in stderr
  assert called.startswith(f'{ROOT}/scripts/doctor.py --run_dir=')
  assert len(called.splitlines()) == 1


def test_the_doctor_looks_where_the_results_go(readme_command, tmp_path):
  *_, called = readme_command('quickstart.sh', 'exit 1')
  assert called.split()[-1] == f'--run_dir={tmp_path}/runs'


@README_COMMANDS
def test_a_process_killed_for_want_of_memory_calls_the_doctor(
  readme_command, name
):
  returned, _, called = readme_command(name, 'kill -KILL $$')
  assert returned == 128 + signal.SIGKILL
  assert called


@README_COMMANDS
def test_success_needs_no_doctor(readme_command, name):
  assert readme_command(name, 'exit 0') == (0, '', '')


@README_COMMANDS
def test_an_interruption_needs_no_doctor(readme_command, name):
  # As pytest does on Ctrl-C; the other programs end with 130.
  returned, _, called = readme_command(name, 'kill -INT $PPID; exit 2')
  assert (returned, called) == (130, '')


@pytest.mark.parametrize('flag', ['--help', '-h'])
@pytest.mark.parametrize('name', ['quickstart.sh', 'run_tests.sh'])
def test_help_is_the_comment_at_the_top_and_sets_nothing_up(
  name, flag, tmp_path
):
  script = ROOT / 'scripts' / name
  result = subprocess.run(
    [BASH, script, flag],
    capture_output=True,
    text=True,
    env={**os.environ, 'VENV': f'{tmp_path}/venv'},
  )
  assert (result.returncode, result.stderr) == (0, '')
  first, *_, last = result.stdout.splitlines()
  assert f'# {first}\n' in script.read_text('utf-8')
  assert f'  bash scripts/{name}\n' in result.stdout
  assert f'# {last}\nset -euo' in script.read_text('utf-8')
  assert not (tmp_path / 'venv').exists()


def test_an_argument_of_the_quickstart_is_refused(tmp_path):
  result = subprocess.run(
    [BASH, ROOT / 'scripts' / 'quickstart.sh', '--fast'],
    capture_output=True,
    text=True,
    env={**os.environ, 'VENV': f'{tmp_path}/venv'},
  )
  assert result.returncode == 2
  assert 'takes no arguments, not --fast' in result.stderr
  assert not (tmp_path / 'venv').exists()

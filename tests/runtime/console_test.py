"""Any name can be printed, wherever it is printed to."""

import io
import os
import subprocess
import sys

import pytest

from deeplab_nas.cli import main
from deeplab_nas.runtime import console
from tests import command

NAMES = 'straße ☃ \udcff'


@pytest.mark.parametrize(
  'encoding, printed',
  [
    ('ascii', rb'stra\xdfe \u2603 \udcff'),
    ('cp1252', b'stra\xdfe ' + rb'\u2603 \udcff'),
    ('utf-8', 'straße ☃ '.encode() + rb'\udcff'),
  ],
)
def test_what_a_console_lacks_is_an_escape(monkeypatch, encoding, printed):
  content = io.BytesIO()
  stream = io.TextIOWrapper(content, encoding)
  monkeypatch.setattr(sys, 'stdout', stream)
  console.be_lenient()
  print(NAMES, end='')
  stream.flush()
  assert content.getvalue() == printed


def test_other_streams_are_left_alone(monkeypatch):
  stream = io.StringIO()
  monkeypatch.setattr(sys, 'stdout', stream)
  monkeypatch.setattr(sys, 'stderr', None)
  console.be_lenient()
  print(NAMES, end='')
  assert stream.getvalue() == NAMES


def test_the_program_prints_whatever_the_console(monkeypatch):
  content = io.BytesIO()
  monkeypatch.setattr(sys, 'stdout', io.TextIOWrapper(content, 'ascii'))
  monkeypatch.setattr(sys, 'stderr', io.StringIO())
  monkeypatch.setattr(sys, 'argv', ['deeplab-nas'])
  monkeypatch.setattr(main, 'overview', lambda: NAMES)
  with pytest.raises(SystemExit, match='0'):
    main.main()
  sys.stdout.flush()
  assert content.getvalue() == rb'stra\xdfe \u2603 \udcff' + b'\n'


def program(arguments, is_buffered, **streams):
  """Runs `deeplab-nas` as a process."""
  return subprocess.run(
    [sys.executable, '-m', 'deeplab_nas.cli.main', *arguments],
    env={
      **os.environ,
      'PYTHONPATH': str(command.ROOT),
      'PYTHONUNBUFFERED': '' if is_buffered else '1',
    },
    **{'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE, **streams},
  )


@pytest.fixture
def unread():
  """The writing end of a pipe that nobody reads."""
  reading, writing = os.pipe()
  os.close(reading)
  yield writing
  os.close(writing)


@pytest.mark.parametrize('is_buffered', [True, False])
def test_nobody_has_to_read_what_is_printed(unread, is_buffered):
  found = program(['--help'], is_buffered, stdout=unread)
  assert (found.returncode, found.stderr) == (0, b'')
  found = program(['train', '--x'], is_buffered, stdout=unread)
  assert found.returncode == 2
  assert found.stderr.startswith(b'error: There is no flag --x')
  found = program(['train', '--x'], is_buffered, stderr=unread)
  assert (found.returncode, found.stdout) == (2, b'')


@pytest.mark.skipif(not os.path.exists('/dev/full'), reason='only on Linux')
@pytest.mark.parametrize('is_buffered', [True, False])
def test_a_full_disk_is_a_sentence(is_buffered):
  with open('/dev/full', 'wb') as full:
    found = program(['--help'], is_buffered, stdout=full)
    unwritten = program(['train', '--x'], is_buffered, stderr=full)
  assert found.returncode == 2
  assert found.stderr.startswith(b'error: No space left on device: make room')
  assert found.stderr.count(b'\n') == 1
  assert (unwritten.returncode, unwritten.stdout) == (2, b'')


@pytest.mark.parametrize('closed', ['>&-', '2>&-', '>&- 2>&-', '<&- >&- 2>&-'])
def test_streams_may_be_closed(closed):
  line = f'exec {sys.executable} -m deeplab_nas.cli.main "$@" {closed}'
  for arguments, code in ((['--help'], 0), (['train', '--x'], 2)):
    found = subprocess.run(
      ['sh', '-c', line, 'sh', *arguments],
      env={**os.environ, 'PYTHONPATH': str(command.ROOT)},
      capture_output=True,
    )
    assert found.returncode == code
    assert b'Traceback' not in found.stdout + found.stderr

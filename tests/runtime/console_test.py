"""Any name can be printed, wherever it is printed to."""

import io
import sys

import pytest

from deeplab_nas.cli import main
from deeplab_nas.runtime import console

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
  monkeypatch.setattr(sys, 'argv', ['deeplab-nas'])
  monkeypatch.setattr(main, 'overview', lambda: NAMES)
  with pytest.raises(SystemExit, match='0'):
    main.main()
  sys.stdout.flush()
  assert content.getvalue() == rb'stra\xdfe \u2603 \udcff' + b'\n'

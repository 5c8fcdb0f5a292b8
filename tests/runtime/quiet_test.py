from __future__ import annotations

import logging as python_logging
import os
import subprocess
import sys

import pytest
from absl import logging

from deeplab_nas.runtime import quiet


def test_notes_are_hidden_for_a_while():
  before = logging.get_verbosity()
  tensorflow = python_logging.getLogger('tensorflow')
  level = tensorflow.level
  with quiet.no_notes():
    assert not logging.vlog_is_on(logging.WARNING)
    assert not tensorflow.isEnabledFor(python_logging.WARNING)
  assert logging.get_verbosity() == before
  assert tensorflow.level == level
  with pytest.raises(ValueError), quiet.no_notes():
    raise ValueError
  assert logging.get_verbosity() == before


def test_output_is_hidden_below_python_too():
  program = (
    'import os, sys\n'
    'from deeplab_nas.runtime import quiet\n'
    'print("before")\n'
    'try:\n'
    '  with quiet.no_output():\n'
    '    print("hidden")\n'
    '    os.system("echo hidden; echo hidden >&2")\n'
    '    raise ValueError\n'
    'except ValueError:\n'
    '  print("after")\n'
    '  print("after", file=sys.stderr)\n'
  )
  result = subprocess.run(
    [sys.executable, '-c', program],
    capture_output=True,
    text=True,
    env={**os.environ, 'PYTHONWARNINGS': 'ignore'},
  )
  assert result.stdout.split() == ['before', 'after']
  assert result.stderr.split() == ['after']

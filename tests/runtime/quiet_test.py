from __future__ import annotations

import logging as python_logging
import os
import subprocess
import sys

import pytest
from absl import logging

from deeplab_nas.runtime import quiet


def test_notes_are_hidden_for_a_while(caplog):
  loggers = (logging.get_absl_logger(), python_logging.getLogger('tensorflow'))
  for logger in loggers:  # whatever other tests of this process have set
    caplog.set_level('WARNING', logger.name)

  def say(word):
    for logger in loggers:
      logger.warning(word)

  with pytest.raises(ValueError), quiet.no_notes():
    with quiet.no_notes():
      say('hidden')
    say('hidden')
    for logger in loggers:  # as TensorFlow does where it saves a model
      with caplog.at_level('INFO', logger.name):
        say('hidden')
        logger.error('shown')
    raise ValueError
  say('after')
  assert caplog.messages == ['shown', 'shown', 'after', 'after']


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

"""On every x86 processor TensorFlow uses oneDNN, unless the user forbids it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest

from deeplab_nas.runtime import onednn

IS_X86 = platform.machine().lower() in ('x86_64', 'amd64')
HAS_GRADIENT = (
  'import tensorflow as tf\n'
  'from deeplab_nas.nn.supernet import fused_node\n'
  'print(fused_node.is_supported())\n'
)


@pytest.fixture
def variable(monkeypatch):
  """Sets the variable as if the package had not been imported yet."""

  def set_to(value, machine='x86_64'):
    monkeypatch.setattr(platform, 'machine', lambda: machine)
    monkeypatch.setenv(onednn.VARIABLE, value or '')
    if value is None:
      monkeypatch.delenv(onednn.VARIABLE)
    onednn.ask_for()
    return os.environ.get(onednn.VARIABLE)

  return set_to


@pytest.mark.parametrize('machine', ['x86_64', 'AMD64'])
def test_x86_is_asked_for(variable, machine):
  assert variable(None, machine) == '1'


@pytest.mark.parametrize('machine', ['aarch64', 'arm64', ''])
def test_other_processors_are_left_to_tensorflow(variable, machine):
  assert variable(None, machine) is None


@pytest.mark.parametrize('value', ['0', '1'])
def test_what_the_user_says_stays(variable, value):
  assert variable(value) == value


@pytest.mark.skipif(not IS_X86, reason='TensorFlow decides here')
def test_the_package_brings_the_gradients_that_a_search_needs():
  environment = {**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '3'}
  environment.pop(onednn.VARIABLE, None)
  result = subprocess.run(
    [sys.executable, '-c', f'import deeplab_nas\n{HAS_GRADIENT}'],
    capture_output=True,
    text=True,
    env=environment,
  )
  assert result.stdout.strip() == 'True', result.stderr

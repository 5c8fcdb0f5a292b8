"""`tf.keras` is Keras 2, on every TensorFlow, or the import says why not."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import types

import pytest

from deeplab_nas.runtime import legacy_keras

VARIABLE = legacy_keras.VARIABLE
KERAS_2 = types.SimpleNamespace(keras=types.SimpleNamespace())
KERAS_3 = types.SimpleNamespace(
  keras=types.SimpleNamespace(version=lambda: '3.11.0')
)
COMES_WITH_KERAS_3 = not importlib.metadata.version('keras').startswith('2.')


@pytest.fixture
def installed(monkeypatch):
  """Sets what is installed, what is imported and what the user asks for."""

  def install(keras, tensorflow=None, variable=None):
    monkeypatch.setattr(importlib.metadata, 'version', {'keras': keras}.get)
    if tensorflow is None:
      monkeypatch.delitem(sys.modules, 'tensorflow', raising=False)
    else:
      monkeypatch.setitem(sys.modules, 'tensorflow', tensorflow)
    monkeypatch.setenv(VARIABLE, variable or '')
    if variable is None:
      monkeypatch.delenv(VARIABLE)

  return install


def test_keras_2_is_left_alone(installed):
  installed('2.15.0')
  legacy_keras.choose()
  assert VARIABLE not in os.environ


def test_without_keras_there_is_nothing_to_choose(installed, monkeypatch):
  installed('3.11.0')

  def nothing(name):
    raise importlib.metadata.PackageNotFoundError(name)

  monkeypatch.setattr(importlib.metadata, 'version', nothing)
  legacy_keras.choose()
  assert VARIABLE not in os.environ


@pytest.mark.parametrize('tensorflow', [None, KERAS_2, types.ModuleType('tf')])
@pytest.mark.parametrize('variable', [None, '1', 'true', 'True'])
def test_beside_keras_3_the_other_one_is_asked_for(
  installed, tensorflow, variable
):
  installed('3.11.0', tensorflow, variable)
  legacy_keras.choose()
  assert os.environ[VARIABLE] == (variable or '1')


def test_too_late_is_said(installed):
  installed('3.11.0', KERAS_3)
  with pytest.raises(ImportError, match='is Keras 3 already: import deeplab'):
    legacy_keras.choose()


def test_who_asks_for_keras_3_is_refused(installed):
  installed('3.11.0', variable='0')
  with pytest.raises(ImportError, match=f"{VARIABLE} is '0': set it to 1"):
    legacy_keras.choose()


def run(program):
  environment = {**os.environ, 'TF_CPP_MIN_LOG_LEVEL': '3'}
  environment.pop(VARIABLE, None)
  return subprocess.run(
    [sys.executable, '-c', program],
    capture_output=True,
    text=True,
    env=environment,
  )


@pytest.mark.parametrize(
  'imports',
  [
    'import deeplab_nas, tensorflow as tf',
    'import tensorflow as tf, deeplab_nas',
    pytest.param(
      'import deeplab_nas, tensorflow as tf, official.vision.losses',
      marks=pytest.mark.slow,
    ),
  ],
)
def test_either_order_of_imports_gives_keras_2(imports):
  result = run(
    f'{imports}\n'
    'layer = tf.keras.layers.Dense(2)\n'
    'assert layer.__class__.__module__.split(".")[0] in ("keras", "tf_keras")\n'
    'assert not hasattr(tf.keras, "version")\n'
    'from deeplab_nas.nn.network import network\n'
    'assert issubclass(network.DerivedNetwork, tf.keras.Model)\n'
  )
  assert result.returncode == 0, result.stderr


@pytest.mark.skipif(not COMES_WITH_KERAS_3, reason='Keras 3 is not installed')
def test_keras_3_in_use_is_refused_in_one_sentence():
  result = run('import tensorflow as tf; tf.keras.Model; import deeplab_nas')
  assert result.returncode == 1
  assert result.stderr.splitlines()[-1].startswith(
    'ImportError: deeplab_nas needs Keras 2, but tf.keras is Keras 3 already'
  )

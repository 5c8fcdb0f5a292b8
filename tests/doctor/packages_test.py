"""Python and packages; what is wrong is put on the path for real."""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import subprocess
import sys

import pytest

from deeplab_nas.doctor import finding, packages

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def shelf(tmp_path, monkeypatch):
  """A folder before all others that Python looks for packages in."""
  monkeypatch.syspath_prepend(tmp_path)
  known = set(sys.modules)
  yield tmp_path
  for name in set(sys.modules) - known:
    if name.startswith('stand_in'):
      del sys.modules[name]


def put(shelf, distribution, version, *lines):
  """What pip writes about a package."""
  folder = shelf / f'{distribution}-{version}.dist-info'
  folder.mkdir()
  about = [f'Name: {distribution}', f'Version: {version}', *lines]
  (folder / 'METADATA').write_text('\n'.join(about) + '\n')


def test_this_environment_is_as_required():
  assert packages.python().status == finding.OK
  assert packages.installed().status == finding.OK


def test_another_python_is_refused(shelf):
  put(shelf, 'deeplab_nas', '0.1.0', 'Requires-Python: >=4')
  found = packages.python()
  assert found.status == finding.FAIL
  assert '>=4 is needed' in found.text


def test_a_version_that_does_not_fit_is_named(shelf):
  put(shelf, 'tqdm', '1.0')
  found = packages.installed()
  assert found.status == finding.FAIL
  assert found.text.startswith('tqdm is 1.0, but tqdm>=')
  assert found.remedy.endswith(f'install --editable {ROOT}')


def test_requirements_are_those_of_this_environment():
  version = importlib.metadata.version('numpy')
  assert packages.unmet(
    [
      'tqdm',
      'absl-py>=1.4',
      'no-such-package>=2',
      'numpy>=99,<100',
      "no-such-package; python_version < '3'",
      "no-such-package; extra == 'dev'",
    ]
  ) == [
    'no-such-package is missing',
    f'numpy is {version}, but numpy<100,>=99 is needed',
  ]


def test_what_is_not_installed_is_said(monkeypatch):
  monkeypatch.setattr(packages, 'NAME', 'no-such-package')
  found = packages.installed()
  assert found.status == finding.FAIL
  assert found.text == 'no-such-package is not installed'
  assert packages.python().status == finding.WARN


def test_an_installed_module_is_imported():
  found = packages.importable('yaml', 'pyyaml')
  assert found.status == finding.OK
  assert found.text.startswith(importlib.metadata.version('pyyaml'))


def test_a_missing_module_is_to_be_installed():
  found = packages.importable('no_such_module', 'no-such-package')
  assert found.status == finding.FAIL
  assert "No module named 'no_such_module'" in found.text
  assert '--editable' in found.remedy


def test_a_broken_package_is_to_be_installed_again(shelf):
  put(shelf, 'stand_in', '1.5')
  (shelf / 'stand_in.py').write_text("raise ImportError('no libfoo')")
  found = packages.importable('stand_in', 'stand_in')
  assert found.status == finding.FAIL
  assert 'ImportError: no libfoo' in found.text
  assert found.remedy.endswith('--force-reinstall --no-deps stand_in==1.5')


def test_a_broken_module_in_place_of_the_package_is_named(shelf):
  (shelf / 'stand_in.py').write_text("raise ImportError('no libfoo')")
  found = packages.importable('stand_in', 'tqdm')
  assert found.status == finding.FAIL
  assert str(shelf / 'stand_in.py') in found.text
  assert 'PYTHONPATH' in found.remedy


def test_another_module_in_place_of_the_package_is_named(shelf):
  (shelf / 'stand_in.py').write_text('')
  found = packages.importable('stand_in', 'tqdm')
  assert found.status == finding.WARN
  assert str(shelf / 'stand_in.py') in found.text


def test_a_bare_folder_in_place_of_the_package_is_named(shelf):
  (shelf / 'stand_in').mkdir()
  found = packages.importable('stand_in', 'tqdm')
  assert found.status == finding.WARN
  assert 'a bare folder' in found.text


def test_a_module_that_pip_does_not_know_is_warned_of(shelf):
  (shelf / 'stand_in.py').write_text('')
  found = packages.importable('stand_in', 'no-such-package')
  assert found.status == finding.WARN
  assert 'not known to pip' in found.text


def test_keras_is_keras_2():
  found = packages.keras()
  assert found.status == finding.OK
  assert 'keras 2.' in found.text


@pytest.mark.slow
@pytest.mark.parametrize(
  'legacy, status, words',
  [
    ('', finding.FAIL, 'tf.keras is keras 3.5.0, but Keras 2 is needed'),
    ('1', finding.OK, 'tf.keras is tf_keras 2.'),
  ],
)
def test_keras_3_is_refused_where_it_is_taken(tmp_path, legacy, status, words):
  (tmp_path / 'keras').mkdir()
  (tmp_path / 'keras' / '__init__.py').write_text("__version__ = '3.5.0'")
  inner = tmp_path / 'keras' / '_tf_keras' / 'keras'
  inner.mkdir(parents=True)
  (inner / '__init__.py').write_text('class Model: pass')
  program = (
    'from deeplab_nas.doctor import packages\n'
    'print(packages.keras().line("keras"))'
  )
  result = subprocess.run(
    [sys.executable, '-c', program],
    capture_output=True,
    text=True,
    env={
      **os.environ,
      'PYTHONPATH': f'{tmp_path}{os.pathsep}{ROOT}',
      'TF_USE_LEGACY_KERAS': legacy,
    },
  )
  assert result.stdout.startswith(status), result.stderr
  assert words in result.stdout

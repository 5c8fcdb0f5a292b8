"""Whether Python and its packages are those that setup.py asks for."""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.metadata
import pathlib
import platform
import shlex
import sys
import time
import types
from collections.abc import Iterable

import deeplab_nas
from deeplab_nas import commands
from deeplab_nas.doctor import finding
from deeplab_nas.doctor.finding import Finding

NAME = 'deeplab-nas'
_ROOT = pathlib.Path(deeplab_nas.__file__).resolve().parents[1]


def python() -> Finding:
  """Whether the installed package is meant for this Python."""
  version = platform.python_version()
  try:
    from packaging import specifiers

    wanted = importlib.metadata.metadata(NAME)['Requires-Python']
  except ImportError:  # also of metadata; `installed` says more
    return Finding(
      finding.WARN, f'{version}; which one is needed is not known', install()
    )
  if wanted and not specifiers.SpecifierSet(wanted).contains(
    version, prereleases=True
  ):
    return Finding(
      finding.FAIL,
      f'{version}, but {wanted} is needed',
      'Run bash scripts/quickstart.sh with PYTHON=/path/to/python in front:'
      ' it makes an environment of that Python in .venv.'
      if commands.is_checkout()
      else 'Install the package into an environment of such a Python.',
    )
  return Finding(finding.OK, f'{version} ({sys.executable})')


def installed() -> Finding:
  """Whether all that the installed package requires is there, and fits."""
  try:
    problems = unmet(importlib.metadata.requires(NAME) or [])
  except importlib.metadata.PackageNotFoundError:
    return Finding(finding.FAIL, f'{NAME} is not installed', install())
  except ImportError:  # of what reads requirements
    return Finding(finding.FAIL, 'packaging is not installed', install())
  if problems:
    return Finding(finding.FAIL, '; '.join(problems), install())
  return Finding(finding.OK, f'all that {NAME} requires is installed')


def unmet(required: Iterable[str]) -> list[str]:
  """For each requirement that is not met: what is there, and what is needed.

  Args:
    required: As in setup.py; those of extras do not count.
  """
  from packaging import requirements

  problems = []
  for text in required:
    wanted = requirements.Requirement(text)
    if wanted.marker and not wanted.marker.evaluate({'extra': ''}):
      continue
    version = _version(wanted.name)
    if version is None:
      problems.append(f'{wanted.name} is missing')
    elif not wanted.specifier.contains(version, prereleases=True):
      needed = f'{wanted.name}{wanted.specifier}'
      problems.append(f'{wanted.name} is {version}, but {needed} is needed')
  return problems


def importable(module: str, distribution: str) -> Finding:
  """Whether a module can be imported, and is that of the installed package.

  Args:
    module: What to import.
    distribution: The name by which pip knows it.
  """
  start = time.monotonic()
  try:
    loaded = importlib.import_module(module)
  except Exception as error:
    return _not_importable(module, distribution, error)
  seconds = time.monotonic() - start
  version = _version(distribution)
  if version is None:
    return Finding(finding.WARN, f'{module} is not known to pip', install())
  origin = _origin(loaded)
  if origin is None or _is_foreign(origin, distribution):
    return Finding(
      finding.WARN,
      f'{module} is not the installed package but {origin or "a bare folder"}',
      _move_away(),
    )
  return Finding(finding.OK, f'{version}, imported in {seconds:.1f} s')


def keras() -> Finding:
  """Whether `tf.keras` is Keras 2, from keras or from tf_keras."""
  import tensorflow as tf

  try:
    name = tf.keras.Model.__module__.partition('.')[0]
    version = sys.modules[name].__version__
  except Exception as error:
    return Finding(
      finding.FAIL,
      f'TensorFlow finds no Keras ({finding.said(error)})',
      f'{install()} If TF_USE_LEGACY_KERAS is set, unset it.',
    )
  if version.partition('.')[0] != '2':
    return Finding(
      finding.FAIL,
      f'tf.keras is {name} {version}, but Keras 2 is needed',
      f'{install()} Or set TF_USE_LEGACY_KERAS=1, which takes tf_keras.',
    )
  return Finding(finding.OK, f'tf.keras is {name} {version}')


def install() -> str:
  """The sentence that repairs versions and what is missing."""
  if commands.is_checkout():
    return f'Run: {_pip("--editable", str(_ROOT))}'
  return f'Run: {_pip(*_requirements())}'


def _requirements() -> list[str]:
  """What the installed package asks for on this Python, as pip takes it."""
  try:
    from packaging import requirements

    wanted = map(
      requirements.Requirement, importlib.metadata.requires(NAME) or []
    )
    return [
      f'{item.name}{item.specifier}'
      for item in wanted
      if not item.marker or item.marker.evaluate({'extra': ''})
    ]
  except ImportError:  # also of what is not installed
    return [NAME]


def _not_importable(
  module: str, distribution: str, error: Exception
) -> Finding:
  """Which of three it is: not there, hidden by another, or broken."""
  text = f'{module} cannot be imported ({finding.said(error)})'
  version = _version(distribution)
  if version is None:
    return Finding(finding.FAIL, text, install())
  origin = _found(module.partition('.')[0])
  if origin and _is_foreign(origin, distribution):
    text = f'{text}; it is not the installed package but {origin}'
    return Finding(finding.FAIL, text, _move_away())
  again = _pip('--force-reinstall', '--no-deps', f'{distribution}=={version}')
  return Finding(
    finding.FAIL,
    text,
    f'If no line above explains it, install it again: {again}',
  )


def _version(distribution: str) -> str | None:
  """What pip has installed; None if it has not."""
  try:
    return importlib.metadata.version(distribution)
  except importlib.metadata.PackageNotFoundError:
    return None


def _found(module: str) -> pathlib.Path | None:
  """Where Python finds a module, without importing it."""
  spec = importlib.machinery.PathFinder.find_spec(module)
  return pathlib.Path(spec.origin) if spec and spec.origin else None


def _origin(module: types.ModuleType) -> pathlib.Path | None:
  """File of a module; None for a folder without `__init__.py`."""
  file = getattr(module, '__file__', None)
  return pathlib.Path(file) if file else None


def _is_foreign(origin: pathlib.Path, distribution: str) -> bool:
  """Whether a file is outside of the folder a distribution is installed in."""
  folder = importlib.metadata.distribution(distribution).locate_file('')
  return not origin.resolve().is_relative_to(pathlib.Path(folder).resolve())


def _move_away() -> str:
  return 'Take its folder out of PYTHONPATH, or rename it.'


def _pip(*arguments: str) -> str:
  return shlex.join([sys.executable, '-m', 'pip', 'install', *arguments])

"""What the installation asks for, by Python and by wish."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


def egg_info(folder, chosen=None):
  """Runs setup.py for its list of requirements."""
  environment = {**os.environ, 'DEEPLAB_NAS_TENSORFLOW': chosen or ''}
  return subprocess.run(
    [sys.executable, 'setup.py', '-q', 'egg_info', f'--egg-base={folder}'],
    capture_output=True,
    text=True,
    cwd=ROOT,
    env=environment,
  )


def sections(folder):
  """Requirements by their marker, '' for those of every Python."""
  found, marker = {}, ''
  path = folder / 'deeplab_nas.egg-info' / 'requires.txt'
  for line in path.read_text('utf-8').splitlines():
    if line.startswith('['):
      marker = line.strip('[]')
    elif line:
      found.setdefault(marker, []).append(line)
  return found


def test_every_python_has_one_tensorflow(tmp_path):
  assert egg_info(tmp_path).returncode == 0
  found = sections(tmp_path)
  older = found[':python_version < "3.12"']
  newer = found[':python_version >= "3.12"']
  assert 'tensorflow~=2.15.0' in older and 'tensorflow~=2.20.0' in newer
  assert not any(name.startswith('tensorflow') for name in found[''])
  assert not any('addons' in name for name in newer)


@pytest.mark.parametrize('version', ['2.15', '2.20'])
def test_another_tensorflow_can_be_asked_for(tmp_path, version):
  assert egg_info(tmp_path, version).returncode == 0
  found = sections(tmp_path)
  assert set(found) == {'', 'cluster', 'dev'}
  assert f'tensorflow~={version}.0' in found['']


def test_an_unknown_tensorflow_is_refused(tmp_path):
  result = egg_info(tmp_path, '2.19')
  assert result.returncode == 1
  assert result.stderr.splitlines()[-1] == (
    "DEEPLAB_NAS_TENSORFLOW is '2.19', expected 2.15 or 2.20."
  )

"""What `import deeplab_nas` gives."""

import subprocess
import sys

import pytest

import deeplab_nas


def test_what_one_guesses_is_there():
  from deeplab_nas import api, space
  from deeplab_nas.nn.network import network

  assert deeplab_nas.build_network is network.build_network
  assert deeplab_nas.Genotype is space.Genotype
  assert deeplab_nas.load is api.load
  for name in (
    'build_network',
    'convert',
    'load',
    'search',
    'train',
    'Genotype',
    'export',
  ):
    assert name in dir(deeplab_nas) and name in deeplab_nas.__all__
    assert callable(getattr(deeplab_nas, name))
  assert set(deeplab_nas.__all__) <= set(dir(deeplab_nas))
  assert deeplab_nas.space is space


def test_the_import_alone_waits_for_no_tensorflow():
  program = (
    'import sys, deeplab_nas\n'
    'dir(deeplab_nas), deeplab_nas.space.SearchSpace, deeplab_nas.Config\n'
    'deeplab_nas.search, deeplab_nas.UserError\n'
    'sys.exit("tensorflow" in sys.modules)'
  )
  assert subprocess.run([sys.executable, '-c', program]).returncode == 0


def test_other_names_are_refused_as_python_refuses_them():
  with pytest.raises(
    AttributeError, match="'deeplab_nas' has no attribute 'x'"
  ):
    deeplab_nas.x  # noqa: B018

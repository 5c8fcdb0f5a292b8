"""What `import deeplab_nas` gives."""

import subprocess
import sys

import pytest

import deeplab_nas


def test_the_network_builder_is_there_when_it_is_asked_for():
  from deeplab_nas.nn.network import network

  assert deeplab_nas.build_network is network.build_network
  assert deeplab_nas.__all__ == ['build_network']


def test_the_import_alone_waits_for_no_tensorflow():
  program = 'import sys, deeplab_nas; sys.exit("tensorflow" in sys.modules)'
  assert subprocess.run([sys.executable, '-c', program]).returncode == 0


def test_other_names_are_refused_as_python_refuses_them():
  with pytest.raises(
    AttributeError, match="'deeplab_nas' has no attribute 'x'"
  ):
    deeplab_nas.x  # noqa: B018

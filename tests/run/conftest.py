"""A started run folder, for the tests of this folder."""

import pytest

from deeplab_nas.run import continuation
from deeplab_nas.run.directory import RunDirectory
from tests.run import folders


@pytest.fixture
def started(tmp_path):
  run = RunDirectory.create(tmp_path / 'run')
  continuation.start(run, folders.CONFIG, ['train.py', '--mode=search'])
  return run

"""A second process is refused, until the first one is gone."""

import subprocess
import sys

import pytest

from deeplab_nas import errors, folder_lock

HOLDER = """
import pathlib, sys
from deeplab_nas import folder_lock
lock = folder_lock.take(pathlib.Path(sys.argv[1]))
print('held', flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
  process = subprocess.Popen(
    [sys.executable, '-c', HOLDER, str(tmp_path)],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  )
  assert process.stdout.readline() == b'held\n'
  yield process
  process.kill()
  process.wait()


def test_another_process_is_refused_until_it_is_killed(holder, tmp_path):
  with pytest.raises(errors.UserError, match='Another process is writing to'):
    folder_lock.take(tmp_path)
  assert not list(tmp_path.iterdir())
  holder.kill()
  holder.wait()
  assert folder_lock.take(tmp_path)


def test_the_same_process_gets_it_again(tmp_path):
  first = folder_lock.take(tmp_path)
  assert folder_lock.take(tmp_path) is first


def test_it_ends_with_the_object(tmp_path):
  lock = folder_lock.take(tmp_path)
  del lock
  result = subprocess.run(
    [sys.executable, '-c', HOLDER, str(tmp_path)],
    input=b'',
    stdout=subprocess.PIPE,
    check=True,
  )
  assert result.stdout == b'held\n'

"""Cases that a process of a test can build in a moment."""

from __future__ import annotations

import os
import pathlib
import signal
import time

from benchmarks import case
from deeplab_nas import errors


def writes(path: str, letter: str, images: int = 4) -> case.Job:
  """Adds a letter to a file at each step, and at the end another one."""

  def write(text: str) -> None:
    with pathlib.Path(path).open('a') as file:
      file.write(text)

  print('This must not be on stdout.')
  return case.Job(
    lambda: write(letter),
    lambda: {'images': images, 'flops': 1000},
    lambda: write(letter.lower()),
  )


def writes_for_ever(path: str) -> case.Job:
  """Adds letters to a file in its first step, which does not end."""

  def step() -> None:
    while True:
      with pathlib.Path(path).open('a') as file:
        file.write('A')
      time.sleep(0.01)

  return case.Job(step)


def refuses() -> case.Job:
  raise errors.UserError('size is 0, expected more.')


def fails() -> case.Job:
  def step() -> None:
    raise EOFError('The file is too short.\nIt has 3 bytes.')

  return case.Job(step)


def has_no_memory() -> case.Job:
  raise MemoryError


def is_killed(after: int) -> case.Job:
  """The system kills the process at one of the steps."""
  count = [0]

  def step() -> None:
    count[0] += 1
    if count[0] > after:
      os.kill(os.getpid(), signal.SIGKILL)

  return case.Job(step)


def leaves() -> case.Job:
  os._exit(3)


def takes_memory(num_bytes: int) -> case.Job:
  def step() -> None:
    bytearray(b'x' * num_bytes)

  return case.Job(step)


def has_threads() -> case.Job:
  import tensorflow as tf

  tf.config.threading.set_inter_op_parallelism_threads(3)
  return case.Job(lambda: tf.ones([]).numpy())

"""Keeps what TensorFlow tells its own authors from the terminal."""

from __future__ import annotations

import contextlib
import logging as python_logging
import os
import sys
from collections.abc import Iterator

from absl import logging


@contextlib.contextmanager
def no_notes() -> Iterator[None]:
  """Hides notes of the log, such as how arguments of functions are renamed."""
  # Not by levels, which TensorFlow sets itself as it saves a model.
  loggers = (logging.get_absl_logger(), python_logging.getLogger('tensorflow'))

  def is_no_note(record: python_logging.LogRecord) -> bool:
    return record.levelno >= python_logging.ERROR

  for logger in loggers:
    logger.addFilter(is_no_note)
  try:
    yield
  finally:
    for logger in loggers:
      logger.removeFilter(is_no_note)


@contextlib.contextmanager
def no_output() -> Iterator[None]:
  """Hides all that this process writes, code in C++ included.

  Only for code whose failures are exceptions.
  """
  streams = (sys.stdout, sys.stderr)
  for stream in streams:
    stream.flush()
  with open(os.devnull, 'wb') as nothing, contextlib.ExitStack() as stack:
    for descriptor in (1, 2):
      copy = os.dup(descriptor)
      stack.callback(os.close, copy)
      stack.callback(os.dup2, copy, descriptor)
      os.dup2(nothing.fileno(), descriptor)
    # Before the descriptors are back: what Python still holds is hidden too.
    for stream in streams:
      stack.callback(stream.flush)
    yield

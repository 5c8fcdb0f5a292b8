"""What a process says about what went wrong in it."""

from __future__ import annotations

import tensorflow as tf

from benchmarks import child
from deeplab_nas import errors


def test_what_a_user_did_is_quoted():
  error = errors.UserError('size is 0, expected more.')
  assert child.sentence(error) == 'cannot run: size is 0, expected more.'


def test_every_lack_of_memory_is_called_so():
  for error in (
    MemoryError(),
    tf.errors.ResourceExhaustedError(None, None, 'OOM when allocating'),
  ):
    assert child.sentence(error) == 'ran out of memory: lower its sizes.'


def test_another_error_is_one_line():
  assert child.sentence(ValueError('No.\nReally.')) == 'failed: ValueError: No.'
  assert child.sentence(KeyError()) == 'failed: KeyError.'

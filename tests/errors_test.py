from __future__ import annotations

import errno
import os

import pytest

from deeplab_nas import errors


def test_a_condition_that_holds_not_is_an_error_of_the_user():
  errors.require(True, 'One.')
  with pytest.raises(errors.UserError, match='^Two[.]$'):
    errors.require(False, 'Two.')


def test_no_library_swallows_that_the_process_is_to_end():
  assert not issubclass(errors.Preempted, Exception)


def test_a_full_disk_is_known_by_the_words_of_the_system():
  assert os.strerror(errno.ENOSPC) == errors.NO_SPACE

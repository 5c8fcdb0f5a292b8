"""Errors meant for the user.

Everything a user can get wrong (files, flags, labels) is raised as `UserError`
with one or more complete sentences: which file or flag, which value, what to
do. `cli.command` prints these sentences without a traceback.
"""

from __future__ import annotations

import errno
import os

# In whatever the system or TensorFlow raise for a full disk.
NO_SPACE = os.strerror(errno.ENOSPC)


class UserError(Exception):
  """A problem the user can solve; the message says how."""


class Preempted(BaseException):
  """The system asked the process to end (SIGTERM), and it has.

  No `Exception`, as KeyboardInterrupt is none: no library is to swallow it.
  """


def require(condition: bool, sentence: str) -> None:
  """Raises a `UserError` with the sentence unless the condition holds."""
  if not condition:
    raise UserError(sentence)

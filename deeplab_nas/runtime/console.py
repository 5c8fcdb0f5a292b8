"""Text for people, on consoles of any encoding."""

from __future__ import annotations

import contextlib
import sys


def be_lenient() -> None:
  """Has characters that a console lacks printed as escapes, such as \\u2603.

  A name of a class or a file may have any; that it cannot be shown is no reason
  to fail when the work is done. What is written to files is UTF-8.
  """
  for stream in (sys.stdout, sys.stderr):
    # A notebook's streams, and those of tests, take every character.
    with contextlib.suppress(AttributeError, ValueError):
      stream.reconfigure(errors='backslashreplace')

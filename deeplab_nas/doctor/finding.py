"""What a check found, and the sentence that helps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

OK = 'ok'
WARN = 'warn'
FAIL = 'FAIL'
SKIP = 'skip'


@dataclasses.dataclass(frozen=True)
class Finding:
  """The result of one check.

  Attributes:
    status: One of `OK`, `WARN`, `FAIL`, `SKIP`.
    text: What was found.
    remedy: A sentence that says what to do; empty if there is nothing to do.
  """

  status: str
  text: str
  remedy: str = ''

  def line(self, name: str) -> str:
    """One line for the terminal, with the name of the check."""
    sentences = [f'{self.text}.', self.remedy]
    return f'{self.status:<5}{name:<18} {" ".join(filter(None, sentences))}'


def run(check: Callable[[], Finding]) -> Finding:
  """What a check finds; one that raises has failed."""
  try:
    return check()
  except (Exception, SystemExit) as error:
    return Finding(
      FAIL,
      f'the check itself ended with {said(error)}',
      'If no line above explains it, report it with this whole output.',
    )


def said(error: BaseException) -> str:
  """Kind and first line of an exception."""
  first_line = (str(error).splitlines() or [''])[0].rstrip('.')
  return f'{type(error).__name__}{first_line and ": "}{first_line}'

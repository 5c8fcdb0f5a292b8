"""Paths that people type: `~` means home, and all are of this machine."""

from __future__ import annotations

import os
import pathlib
import re

from deeplab_nas import errors

# 'gs://bucket', also after a path library has folded the slashes: 'gs:/bucket'.
# One letter and a colon is a drive.
_ADDRESS = re.compile(r'([A-Za-z][A-Za-z0-9+.-]+):/+(.*)', re.DOTALL)


class Refused(ValueError):
  """A path that cannot be used; its text says why."""


def expand(text: str) -> str:
  """The path with `~` and `~user` replaced by home folders.

  To expand it again, also after a path library has dropped a './' in front,
  changes nothing: './~' comes back absolute.

  Args:
    text: As it was typed; '' stays.

  Raises:
    Refused: If it is an address of a remote store, starts with the home of
      nobody or is not UTF-8; its text goes on after 'PATH is refused: '.
  """
  if '\0' in text:
    raise Refused('no path may hold a zero byte')
  try:
    text.encode('utf-8')
  except UnicodeEncodeError:  # bytes that Python keeps as surrogates
    raise Refused(
      'TensorFlow takes only paths in UTF-8, and this one is not; rename it'
    ) from None
  address = _ADDRESS.match(text)
  if address and address[1].lower() == 'file':
    raise Refused(f'write the path alone, /{address[2]}')
  if address:
    raise Refused(
      'it is an address, and only paths of this machine can be used; copy or'
      ' mount what is there and give that folder'
    )
  expanded = os.path.expanduser(text)
  if expanded == text and text.startswith('~'):
    user = text[1:].partition('/')[0]
    raise Refused(
      f'there is no home folder of a user {user!r}; write ./{text} for a file'
      ' of that name'
    )
  plain = os.fspath(pathlib.PurePath(expanded))
  if text and (plain.startswith('~') or _ADDRESS.match(plain)):
    return os.path.abspath(expanded)
  return expanded


def expand_given(value: str | os.PathLike) -> str:
  """The path that Python code gives, as a command would take it.

  Raises:
    UserError: If it cannot be used on this machine.
  """
  text = os.fspath(value)
  try:
    return expand(text)
  except Refused as reason:
    raise errors.UserError(f'{text} is refused: {reason}.') from reason

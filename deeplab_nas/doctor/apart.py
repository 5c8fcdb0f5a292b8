"""Runs checks in a process of their own, which they may end.

TensorFlow's wheels stop a process on a processor without AVX, and a library of
the wrong version may crash it: a finding too, and the other checks go on.
"""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pathlib
import signal
import tempfile
from collections.abc import Callable

from deeplab_nas.doctor import finding
from deeplab_nas.doctor.finding import Finding

_SECONDS = 60.0


class Apart:
  """The process; it starts with the first check, and again if it has ended.

  with Apart() as apart:
    found = apart.find(check)
  """

  def __init__(self, seconds: float = _SECONDS):
    """`seconds` are those that a check may take."""
    self._seconds = seconds
    self._process = None
    self._connection = None
    self._output = _new_file()

  def __enter__(self) -> Apart:
    return self

  def __exit__(self, *_) -> None:
    self._stop()
    if self._output is not None:
      self._output.unlink(missing_ok=True)

  def find(self, check: Callable[[], Finding]) -> Finding:
    """What a check finds; it has to be one that pickle knows by its name."""
    if self._process is None:
      self._start()
    try:
      self._connection.send(check)
      if self._connection.poll(self._seconds):
        return self._connection.recv()
    except (EOFError, OSError):
      return self._ended()
    self._stop()
    return Finding(
      finding.FAIL,
      f'no answer within {self._seconds:.0f} s',
      'Run this again when the machine is less busy.',
    )

  def _start(self) -> None:
    context = multiprocessing.get_context('spawn')
    self._connection, theirs = context.Pipe()
    self._process = context.Process(
      target=_serve, args=(theirs, self._output or os.devnull), daemon=True
    )
    self._process.start()
    theirs.close()  # else its end would not be noticed here

  def _stop(self) -> None:
    if self._process is not None:
      self._connection.close()
      self._process.kill()
      self._process.join()
    self._process = None

  def _ended(self) -> Finding:
    """The process has ended under a check: how, and its last words."""
    self._process.join()
    code = self._process.exitcode
    self._stop()
    how = f'exit code {code}' if code >= 0 else signal.Signals(-code).name
    text = f'the check ended its process ({how})'
    words = self._last_words()
    return Finding(
      finding.FAIL,
      f'{text}: {words}' if words else text,
      'A package does not suit this processor or the packages that it calls:'
      ' see the lines above.',
    )

  def _last_words(self) -> str:
    if self._output is None:
      return ''
    lines = self._output.read_text('utf-8', 'replace').split('\n')
    words = (line.strip().rstrip('.') for line in reversed(lines))
    return next(filter(None, words), '')


def _new_file() -> pathlib.Path | None:
  """For what the process prints; None if there is no room, which others say."""
  try:
    handle, name = tempfile.mkstemp()
  except OSError:
    return None
  os.close(handle)
  return pathlib.Path(name)


def _serve(
  connection: multiprocessing.connection.Connection,
  output: str | os.PathLike[str],
) -> None:
  """Runs in the child, until the parent is gone."""
  signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent takes Ctrl-C
  file = os.open(output, os.O_WRONLY | os.O_APPEND)
  os.dup2(file, 1)
  os.dup2(file, 2)
  while True:
    try:
      check = connection.recv()
    except EOFError:
      return
    if os.path.isfile(output):
      os.ftruncate(file, 0)  # last words are those of this check
    connection.send(finding.run(check))

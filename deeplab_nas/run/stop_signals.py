"""Ctrl-C and SIGTERM: a run ends between two steps, with a checkpoint."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

from absl import logging

from deeplab_nas import errors

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
  """Defers a signal to the end of the step; outside of steps it acts at once.

      with stop_signals.StopSignals() as stop:
        with stop.deferred():
          for step in range(100):
            ...
            if stop.is_asked:
              save()
              stop.end()

  A second signal is the system's and ends the process: a step may hang, and
  then no handler is called. Elsewhere than in the main thread, which alone gets
  signals, it does nothing.
  """

  def __init__(self):
    self._signal = None
    self._is_deferring = False
    self._previous = {}

  def __enter__(self) -> StopSignals:
    if threading.current_thread() is threading.main_thread():
      for number in _SIGNALS:
        self._previous[number] = signal.signal(number, self._receive)
    for handler in self._previous.values():
      # Python drops what a handler raises within a destructor.
      outer = getattr(handler, '__self__', None)
      if isinstance(outer, StopSignals):
        self._signal = self._signal or outer._signal
    return self

  def __exit__(self, *_) -> None:
    for number, handler in self._previous.items():
      signal.signal(number, handler)
    self._previous = {}

  @property
  def is_asked(self) -> bool:
    """Whether a signal came."""
    return self._signal is not None

  @contextlib.contextmanager
  def deferred(self) -> Iterator[None]:
    """While this is open, the first signal is only noted."""
    self._is_deferring = True
    try:
      yield
    finally:
      self._is_deferring = False

  def end(self) -> None:
    """Ends the run as the signal asks for.

    Raises:
      Preempted: After SIGTERM, or when another worker got a signal.
      KeyboardInterrupt: After Ctrl-C.
    """
    if self._signal == signal.SIGINT:
      raise KeyboardInterrupt
    if not self.is_asked:
      raise errors.Preempted('another worker was stopped')
    raise errors.Preempted('SIGTERM')

  def _receive(self, number: int, _) -> None:
    is_first = self._signal is None
    self._signal = number
    if self._is_deferring and is_first:
      for each in self._previous:
        signal.signal(each, signal.SIG_DFL)
      logging.info('Stopping after this step; a second signal does not wait.')
      return
    self.end()


@contextlib.contextmanager
def kept() -> Iterator[None]:
  """Afterwards, signals are handled as before, whatever was set meanwhile."""
  handlers = {number: signal.getsignal(number) for number in _SIGNALS}
  try:
    yield
  finally:
    if threading.current_thread() is threading.main_thread():
      for number, handler in handlers.items():
        signal.signal(number, handler)

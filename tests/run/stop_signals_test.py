"""Signals wait for the step, the second one does not."""

import contextlib
import os
import signal
import threading

import pytest

from deeplab_nas import errors
from deeplab_nas.run import stop_signals


def send(number):
  os.kill(os.getpid(), number)


@pytest.mark.parametrize(
  'number, error',
  [(signal.SIGTERM, errors.Preempted), (signal.SIGINT, KeyboardInterrupt)],
)
def test_a_signal_ends_at_once_but_where_it_is_deferred(number, error):
  with stop_signals.StopSignals() as stop, pytest.raises(error):
    send(number)
  with stop_signals.StopSignals() as stop, stop.deferred():
    assert not stop.is_asked
    send(number)
    assert stop.is_asked
    with pytest.raises(error):
      stop.end()
    # The next one is the system's.
    assert signal.getsignal(number) == signal.SIG_DFL


def test_handlers_are_as_before():
  before = signal.getsignal(signal.SIGTERM)
  with stop_signals.StopSignals():
    assert signal.getsignal(signal.SIGTERM) != before
  assert signal.getsignal(signal.SIGTERM) == before


def test_another_thread_has_none():
  def work():
    with stop_signals.StopSignals() as stop, stop.deferred():
      seen.append(stop.is_asked)

  seen = []
  thread = threading.Thread(target=work)
  thread.start()
  thread.join()
  assert seen == [False]


def test_whoever_got_no_signal_ends_as_another_did():
  with pytest.raises(errors.Preempted, match='another worker was stopped'):
    stop_signals.StopSignals().end()


def test_what_an_outer_one_was_asked_holds_for_an_inner_one():
  with stop_signals.StopSignals():
    with contextlib.suppress(errors.Preempted):  # as in a destructor
      os.kill(os.getpid(), signal.SIGTERM)
    with stop_signals.StopSignals() as inner:
      assert inner.is_asked
      with pytest.raises(errors.Preempted, match='SIGTERM'):
        inner.end()


def test_handlers_are_kept():
  with stop_signals.StopSignals():
    before = signal.getsignal(signal.SIGTERM)
    with stop_signals.kept():
      signal.signal(signal.SIGTERM, signal.SIG_IGN)
    assert signal.getsignal(signal.SIGTERM) == before

"""The progress of a run, on a terminal and elsewhere, by a fake clock."""

import io
import logging
import time

import pytest

from deeplab_nas.report import progress

LOGS = {'loss': 1.23456, 'miou': 0.5, 'learning_rate': 0.025, 'arch_loss': 2.0}


class Terminal(io.StringIO):
  def isatty(self):
    return True


class Clock:
  def __init__(self):
    self.now = 100.0

  def __call__(self):
    return self.now


@pytest.fixture
def clock():
  return Clock()


@pytest.fixture
def lines(caplog):
  caplog.set_level(logging.INFO, logger='absl')
  return lambda: [record.getMessage() for record in caplog.records]


def bar(clock, stream, **settings):
  return progress.ProgressBar(
    steps_per_epoch=10,
    epochs=4,
    batch_size=2,
    stream=stream,
    clock=clock,
    **settings,
  )


def visible(terminal):
  """The last line as it is seen: what follows a '\\r' covers the rest."""
  line = ''
  for written in terminal.getvalue().split('\n')[-1].split('\r'):
    line = written + line[len(written) :]
  return line.strip()


def run_epoch(shown, clock, epoch, seconds=1.0, steps=10):
  shown.on_epoch_begin(epoch)
  for step in range(steps):
    clock.now += seconds
    shown.on_train_batch_end(step, LOGS)


def test_lines_come_at_most_every_ten_seconds(clock, lines):
  run_epoch(bar(clock, io.StringIO()), clock, 0, seconds=4.0)
  steps = [line.split(':')[0] for line in lines()]
  assert steps == [f'Epoch 1/4, step {step}/10' for step in (3, 6, 9)]


def test_a_line_says_all_that_matters(clock, lines):
  run_epoch(bar(clock, io.StringIO(), line_seconds=8), clock, 0, steps=8)
  assert lines() == [
    'Epoch 1/4, step 8/10: loss 1.235, mIoU 0.5, lr 0.025, 2.0 images/s,'
    ' 32 s left'
  ]


def test_an_epoch_ends_with_a_line(clock, lines):
  shown = bar(clock, io.StringIO())
  run_epoch(shown, clock, 0, seconds=0.5)
  clock.now += 3  # validation
  shown.on_epoch_end(0, {**LOGS, 'val_loss': 1.5, 'val_miou': 0.25})
  assert lines() == [
    'Epoch 1/4 done in 8 s: loss 1.235, mIoU 0.5, lr 0.025, loss of split B 2,'
    ' val loss 1.5, val mIoU 0.25, 24 s left.'
  ]


def test_the_end_of_an_epoch_tells_how_long_its_steps_waited(clock, lines):
  shown = bar(clock, io.StringIO())
  run_epoch(shown, clock, 3, seconds=0.5)
  shown.on_epoch_end(3, {'loss': 2.0, 'data_wait_share': 0.0123})
  assert lines() == [
    'Epoch 4/4 done in 5 s: loss 2, 1.2 % of the steps waiting for data.'
  ]


def test_the_last_epoch_leaves_nothing(clock, lines):
  shown = bar(clock, io.StringIO())
  for epoch in range(4):
    run_epoch(shown, clock, epoch)
    clock.now += 2
    shown.on_epoch_end(epoch, LOGS)
  assert shown.seconds_left == 0
  assert ' left' in lines()[-2]
  assert ' left' not in lines()[-1]


def test_epochs_with_architecture_steps_are_known_to_take_longer(clock):
  shown = bar(clock, io.StringIO(), arch_start_epoch=2)
  run_epoch(shown, clock, 0)
  shown.on_epoch_end(0, LOGS)
  assert shown.seconds_left == pytest.approx(10 * (1 + 2 + 2))
  run_epoch(shown, clock, 2, seconds=3.0)
  shown.on_epoch_end(2, LOGS)
  assert shown.seconds_left == pytest.approx(10 * 3)


def test_a_resumed_run_counts_only_what_is_left(clock):
  shown = bar(clock, io.StringIO())
  run_epoch(shown, clock, 3, steps=4)
  assert shown.seconds_left == pytest.approx(6)


def test_a_terminal_gets_a_bar_and_no_lines_within_an_epoch(clock, lines):
  terminal = Terminal()
  shown = bar(clock, terminal)
  run_epoch(shown, clock, 1, seconds=30.0)
  assert lines() == []
  shown.on_epoch_end(1, LOGS)
  assert 'Epoch 2/4' in terminal.getvalue()
  assert '0/10' in terminal.getvalue()
  assert len(lines()) == 1


def test_the_bar_shows_loss_rate_and_time_left(clock):
  terminal = Terminal()
  shown = bar(clock, terminal)
  shown.on_epoch_begin(0)
  clock.now += 4
  time.sleep(0.15)  # a bar is drawn ten times a second at most
  shown.on_train_batch_end(0, LOGS)
  assert 'loss 1.235, mIoU 0.5, lr 0.025, 0.5 images/s' in visible(terminal)
  shown.on_train_end()


def test_an_interrupted_bar_is_closed(clock):
  terminal = Terminal()
  shown = bar(clock, terminal)
  run_epoch(shown, clock, 0, steps=3)
  assert visible(terminal).startswith('Epoch 1/4')
  shown.on_train_end()
  assert not visible(terminal)


def test_the_bar_is_gone_before_others_write_their_lines(clock):
  terminal = Terminal()
  shown = bar(clock, terminal)
  run_epoch(shown, clock, 0, steps=9)
  assert visible(terminal).startswith('Epoch 1/4')
  shown.on_train_batch_end(9, LOGS)
  assert not visible(terminal)

"""The loop of a run: its callbacks in order, stopped and resumed anywhere."""

import os
import signal

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.run import checkpoints, loop
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run.checkpoints import Position
from tests.train import tiny_training

STEPS = 3


class Recorder(tf.keras.callbacks.Callback):
  """Records its calls; sends a signal at a moment."""

  def __init__(self, moment=None, number=signal.SIGTERM):
    super().__init__()
    self.seen = []
    self.logs = {}
    self.moment, self.number = moment, number

  def note(self, *what):
    self.seen.append(what)
    if what == self.moment:
      os.kill(os.getpid(), self.number)

  def on_epoch_begin(self, epoch, logs=None):
    self.note('epoch', epoch)

  def on_train_batch_end(self, batch, logs=None):
    self.note('batch', batch)

  def on_test_end(self, logs=None):
    self.note('tested')

  def on_epoch_end(self, epoch, logs=None):
    self.logs[epoch] = dict(logs)
    self.note('end', epoch)


class Run:
  """A small training in a folder, as a new process would build it."""

  def __init__(self, path, every_minutes=None, **settings):
    self.directory = run_directory.RunDirectory(path)
    self.trainer = tiny_training.trainer(total_steps=6)
    self.saver = checkpoints.Saver(
      self.directory, every_minutes, trainer=self.trainer
    )
    self.position = self.saver.restore()
    self.loop = loop.TrainingLoop(
      self.trainer,
      self.saver,
      2,
      STEPS,
      tiny_training.batches(2).take(2),
      **settings,
    )

  def run(self, callback):
    done = self.position.step_of_run(STEPS)
    batches = tiny_training.batches(6).skip(done)
    self.loop.run(batches, self.position, [callback])
    return self

  def weights(self):
    return [np.array(x) for x in self.trainer.network.variables]


EPOCH = [('batch', step) for step in range(STEPS)]


def test_callbacks_are_called_in_order(tmp_path):
  callback = Recorder()
  run = Run(tmp_path).run(callback)
  assert callback.seen == [
    ('epoch', 0),
    *EPOCH,
    ('end', 0),
    ('epoch', 1),
    *EPOCH,
    ('end', 1),
  ]
  assert {'loss', 'miou', 'val_loss', 'val_miou'} <= set(callback.logs[0])
  assert Run(tmp_path).position == Position(2)
  assert int(run.trainer.optimizer.iterations) == 2 * STEPS


def test_only_chosen_epochs_are_validated(tmp_path):
  callback = Recorder()
  Run(tmp_path, validated_epochs=[2]).run(callback)
  assert 'val_loss' not in callback.logs[0]
  assert 'val_loss' in callback.logs[1]


def test_a_callback_may_stop_it_after_an_epoch(tmp_path):
  class Stopper(tf.keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
      self.model.stop_training = True

  Run(tmp_path).run(Stopper())
  assert Run(tmp_path).position == Position(1)


@pytest.mark.parametrize(
  'moment, expected',
  [
    (('batch', 0), Position(0, 1)),
    (('batch', STEPS - 1), Position(0, STEPS)),
    (('end', 0), Position(1)),
  ],
)
@pytest.mark.parametrize(
  'number, error',
  [
    (signal.SIGTERM, errors.Preempted),
    pytest.param(signal.SIGINT, KeyboardInterrupt, marks=pytest.mark.slow),
  ],
)
def test_a_signal_ends_it_where_it_goes_on_exactly(
  tmp_path, moment, expected, number, error
):
  whole = Recorder()
  reference = Run(tmp_path / 'whole').run(whole)
  handlers = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
  with pytest.raises(error):
    Run(tmp_path / 'parts').run(Recorder(moment, number))
  assert handlers == (
    signal.getsignal(signal.SIGINT),
    signal.getsignal(signal.SIGTERM),
  )
  resumed, rest = Run(tmp_path / 'parts'), Recorder()
  assert resumed.position == expected
  resumed.run(rest)
  done = Position(*expected).step_of_run(STEPS)
  assert sum(seen[0] == 'batch' for seen in rest.seen) == 2 * STEPS - done
  for name, value in whole.logs[1].items():
    if name != 'data_wait_share':
      assert rest.logs[1][name] == pytest.approx(value, rel=1e-5), name
  for ours, expected_weight in zip(resumed.weights(), reference.weights()):
    np.testing.assert_allclose(ours, expected_weight, rtol=1e-5, atol=1e-6)


def test_it_saves_when_it_is_due(tmp_path):
  run = Run(tmp_path, every_minutes=1e-9)
  with pytest.raises(ZeroDivisionError):
    run.run(Failing())
  assert Run(tmp_path).position == Position(0, 1)


class Failing(tf.keras.callbacks.Callback):
  def on_train_batch_end(self, batch, logs=None):
    if batch == 1:
      raise ZeroDivisionError

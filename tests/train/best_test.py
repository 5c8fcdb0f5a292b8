"""Which epoch is kept, and when training stops."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.run import checkpoints
from deeplab_nas.run import directory as run_directory
from deeplab_nas.train import best
from tests.train import tiny_training

NAN = float('nan')


@pytest.fixture
def directory(tmp_path):
  return run_directory.RunDirectory.create(tmp_path / 'run')


def keeper(directory, patience=None, keeps_last=False, **settings):
  trainer = tiny_training.trainer(**settings)
  kept = best.BestKeeper(trainer, directory, 'abc', patience, keeps_last)
  return kept, trainer


def run(kept, trainer, scores, first_epoch=0):
  """Gives the scores of some epochs; the bias tells which epoch it was."""
  for epoch, score in enumerate(scores, first_epoch):
    trainer.network.logits.bias.assign([epoch + 1.0] * 3)
    kept.on_epoch_end(epoch, {} if score is None else {'val_miou': score})


def saved_bias(directory):
  (index,) = directory.best.glob('*.index')
  path = str(index.with_suffix(''))
  assert checkpoints.read_digest(path) == 'abc'
  network = tiny_training.Pixelwise()
  tf.train.Checkpoint(network=network).restore(path).expect_partial()
  return network.logits.bias.numpy()[0]


@pytest.mark.parametrize(
  'scores, expected',
  [
    ([0.1, 0.3, 0.2], 2),
    ([0.0, 0.0], 1),  # a tie keeps the first
    ([None, 0.1, None], 2),
    ([None, None, None], 3),  # never validated: the last
    ([NAN, NAN], 2),  # nothing was labelled
    ([NAN, 0.1, NAN], 2),
  ],
)
def test_the_best_epoch_is_kept(directory, scores, expected):
  kept, trainer = keeper(directory)
  run(kept, trainer, scores)
  assert kept.epoch == expected
  assert saved_bias(directory) == expected
  assert not kept.is_stopped


@pytest.mark.parametrize(
  'scores, expected',
  [
    ([0.1, 0.3, 0.2], 3),
    ([None, 0.3, None], 2),  # the last that was validated
    ([None, None], 2),
    ([0.1, NAN], 2),
  ],
)
def test_or_the_last_one_however_it_scores(directory, scores, expected):
  kept, trainer = keeper(directory, keeps_last=True)
  run(kept, trainer, scores)
  assert kept.epoch == expected
  assert saved_bias(directory) == expected


def test_averages_are_kept_where_there_are_any(directory):
  kept, trainer = keeper(directory, ema_decay=0.5)
  trainer.train_step(tiny_training.batch())
  with trainer.averaged():
    average = np.array(trainer.network.logits.bias)
  run(kept, trainer, [0.1])  # changes the weights, not their averages
  assert saved_bias(directory) == average[0] != 1


def test_it_stops_when_there_was_nothing_better_for_long(directory):
  kept, trainer = keeper(directory, patience=2)
  trainer.stop_training = False
  run(kept, trainer, [0.1, 0.3, 0.2])
  assert not trainer.stop_training
  run(kept, trainer, [0.3], first_epoch=3)
  assert trainer.stop_training and kept.is_stopped


def test_a_new_process_remembers(directory, tmp_path):
  kept, trainer = keeper(directory, patience=2)
  run(kept, trainer, [0.3, 0.2])
  path = tf.train.Checkpoint(best=kept.state).write(str(tmp_path / 'state'))
  resumed, trainer = keeper(directory, patience=2)
  tf.train.Checkpoint(best=resumed.state).restore(path)
  assert resumed.epoch == 1
  run(resumed, trainer, [0.25], first_epoch=2)
  assert resumed.is_stopped
  assert saved_bias(directory) == 1


@pytest.mark.parametrize('patience, stays', [(None, 0), (3, 0), (2, 1), (1, 1)])
def test_todays_patience_counts(directory, tmp_path, caplog, patience, stays):
  kept, trainer = keeper(directory, patience=2)
  run(kept, trainer, [0.3, 0.2, 0.1])
  assert kept.is_stopped
  path = tf.train.Checkpoint(best=kept.state).write(str(tmp_path / 'state'))
  resumed, _ = keeper(directory, patience=patience)
  tf.train.Checkpoint(best=resumed.state).restore(path)
  caplog.clear()
  with caplog.at_level('INFO'):
    resumed.resume_after(3)
  assert resumed.is_stopped == bool(stays)
  assert caplog.text.count('Early stopping has ended') == stays


@pytest.mark.parametrize(
  'confusion, is_warned',
  [
    ([[5, 0, 0], [3, 0, 0], [1, 0, 0]], True),
    ([[5, 0, 0], [3, 1, 0], [1, 0, 0]], False),
    (np.zeros([3, 3]), False),
  ],
)
def test_a_best_that_is_constant_is_warned_of(
  directory, caplog, confusion, is_warned
):
  kept, trainer = keeper(directory)
  trainer.val_metric.total_cm.assign(np.array(confusion, np.float32))
  run(kept, trainer, [0.1])
  assert kept.epoch == 1
  assert ('predict one class for every pixel' in caplog.text) == is_warned

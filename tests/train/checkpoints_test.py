"""A state is kept and comes back; that of a search is in `search_run_test`."""

import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.train import checkpoints, run_directory


@pytest.fixture
def directory(tmp_path):
  return run_directory.RunDirectory.create(tmp_path / 'run')


def saver(directory, value):
  variable = tf.Variable(value)
  return checkpoints.Saver(directory, part=variable), variable


def test_the_last_of_two_is_restored(directory):
  first, variable = saver(directory, 1.0)
  assert first.restore() == 0
  for epoch in range(3):
    variable.assign(epoch)
    first.on_epoch_end(epoch)
  assert len(list(directory.checkpoints.glob('*.index'))) == 2
  second, restored = saver(directory, 0.0)
  assert second.restore() == 3
  assert float(restored) == 2


def test_the_first_one_settles_the_run(directory):
  old = directory.path / '.replaced'
  old.mkdir()
  first, _ = saver(directory, 1.0)
  first.on_epoch_end(0)
  assert not old.exists()


def test_results_without_a_checkpoint_are_refused(directory):
  directory.metrics.write_text('{"epoch": 1}\n')
  with pytest.raises(errors.UserError, match='no checkpoint in checkpoints/'):
    saver(directory, 0.0)[0].restore()


def test_a_checkpoint_of_something_else_is_refused(directory):
  saver(directory, [1.0, 2.0])[0].on_epoch_end(0)
  with pytest.raises(errors.UserError, match='No checkpoint .* restored'):
    saver(directory, [1.0, 2.0, 3.0])[0].restore()


def test_a_digest_can_be_read_without_restoring(directory):
  path = tf.train.Checkpoint(
    genotype_digest=checkpoints.digest_variable('abc')
  ).write(str(directory.path / 'with'))
  assert checkpoints.read_digest(path) == 'abc'
  path = tf.train.Checkpoint(x=tf.Variable(1)).write(
    str(directory.path / 'without')
  )
  assert checkpoints.read_digest(path) == ''


def test_an_error_is_one_short_line():
  assert checkpoints.first_line(ValueError('a\nb')) == 'a'
  assert checkpoints.first_line(ValueError()) == 'ValueError'
  assert len(checkpoints.first_line(ValueError('x' * 999))) == 200

"""Event files of a real search, read back."""

import collections

import pytest
import tensorflow as tf

from deeplab_nas.report import metrics_log, tensorboard_log
from deeplab_nas.run import directory as run_directory
from tests import fixtures


def scalars(run, writer):
  """{tag: {step: value}} of one writer."""
  found = collections.defaultdict(dict)
  for path in (run.tensorboard / writer).iterdir():
    for event in tf.compat.v1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        found[value.tag][event.step] = float(tf.make_ndarray(value.tensor))
  return found


@pytest.mark.parametrize('writer, prefix', [('train', ''), ('val', 'val_')])
def test_training_and_validation_share_tags(finished, writer, prefix):
  found = scalars(finished.run, writer)
  for tag in ('loss', 'miou'):
    values = finished.history[f'{prefix}{tag}']
    assert list(found[tag]) == [
      fixtures.STEPS * epoch for epoch in range(1, fixtures.EPOCHS + 1)
    ]
    assert list(found[tag].values()) == pytest.approx(values)


def test_training_has_learning_rate_and_architecture(finished):
  found = scalars(finished.run, 'train')
  last = metrics_log.read(finished.run)[-1]
  assert list(found['learning_rate'].values())[-1] == pytest.approx(
    last['learning_rate']
  )
  assert list(found['architecture/alpha_entropy'].values())[-1] == (
    pytest.approx(last['alpha_entropy'])
  )


def test_validation_has_every_class_that_occurs(finished):
  found = scalars(finished.run, 'val')
  last = metrics_log.read(finished.run)[-1]['class_iou']
  for name, value in last.items():
    if value is not None:
      assert list(found[f'iou/{name}'].values())[-1] == pytest.approx(value)


def test_events_of_steps_to_be_repeated_are_removed(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  writer = tf.summary.create_file_writer(str(run.tensorboard / 'train'))
  with writer.as_default():
    for step in range(1, 6):
      tf.summary.scalar('loss', step / 2, step)
  tensorboard_log.forget_after(run, 3)
  assert scalars(run, 'train') == {'loss': {1: 0.5, 2: 1.0, 3: 1.5}}
  tensorboard_log.forget_after(run, 9)  # changes nothing
  assert scalars(run, 'train') == {'loss': {1: 0.5, 2: 1.0, 3: 1.5}}


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  writer = tf.summary.create_file_writer(str(run.tensorboard / 'train'))
  with writer.as_default():
    for step in range(1, 4):
      tf.summary.scalar('loss', step / 2, step)
  (path,) = (run.tensorboard / 'train').iterdir()
  path.write_bytes(path.read_bytes()[:-5])
  tensorboard_log.forget_after(run, 1)
  assert scalars(run, 'train') == {'loss': {1: 0.5}}

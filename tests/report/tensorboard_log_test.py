"""Event files of a real search, read back."""

import collections
import math

import pytest
import tensorflow as tf

from deeplab_nas.report import metrics_log, tensorboard_log
from deeplab_nas.run import directory as run_directory
from tests import fixtures


def values_of(run):
  """(tag, step, value) of all that the run wrote."""
  (folder,) = {path.parent for path in run.tensorboard.rglob('events.*')}
  for path in sorted(folder.glob('events.*')):
    for event in tf.compat.v1.train.summary_iterator(str(path)):
      for value in event.summary.value:
        yield value.tag, event.step, value


def scalars(run, group):
  """{tag: {step: value}} of one group of tags."""
  found = collections.defaultdict(dict)
  for tag, step, value in values_of(run):
    first, _, name = tag.partition('/')
    if first == group and value.metadata.plugin_data.plugin_name == 'scalars':
      found[name][step] = float(tf.make_ndarray(value.tensor))
  return found


@pytest.mark.parametrize('writer, prefix', [('train', ''), ('val', 'val_')])
def test_training_and_validation_are_apart(finished, writer, prefix):
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
  found = scalars(finished.run, 'architecture')
  for name in (
    'alpha_entropy',
    'alpha_decided',
    'beta_decided',
    'alpha_drift',
    'alpha_signal',
    'connections_decided',
    'layers_as_before',
  ):
    assert list(found[name].values())[-1] == pytest.approx(last[name])


def test_a_validation_has_the_score_of_a_constant_prediction(finished):
  found = scalars(finished.run, 'val')
  last = metrics_log.read(finished.run)[-1]
  for tag in ('constant_miou', 'constant_accuracy'):
    assert list(found[tag].values())[-1] == pytest.approx(last[tag])
  assert list(found['accuracy'].values())[-1] == pytest.approx(
    last['val_accuracy']
  )


def test_nothing_that_is_not_finite_is_written(finished):
  # The loss of split B is NaN while alpha and beta wait.
  assert metrics_log.read(finished.run)[0]['arch_loss'] is None
  found = scalars(finished.run, 'train')
  assert list(found['arch_loss']) == [2 * fixtures.STEPS]
  for tags in (found, scalars(finished.run, 'val')):
    for values in tags.values():
      assert all(map(math.isfinite, values.values()))


def test_the_settings_are_there_as_text(finished):
  (text,) = [v for tag, _, v in values_of(finished.run) if tag == 'config']
  shown = tf.make_ndarray(text.tensor).item().decode()
  assert finished.run.config.read_text() in shown


def test_a_run_that_goes_on_stays_one_run(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  run.config.write_text('space: {}\n')
  for step in (1, 2):
    events = tensorboard_log.Events(run)
    with events.open().as_default():
      tf.summary.scalar('train/loss', 0.5, step)
    events.close()
  assert scalars(run, 'train') == {'loss': {1: 0.5, 2: 0.5}}
  assert [tag for tag, _, _ in values_of(run)].count('config') == 1


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
      tf.summary.scalar('train/loss', step / 2, step)
  tensorboard_log.forget_after(run, 3)
  assert scalars(run, 'train') == {'loss': {1: 0.5, 2: 1.0, 3: 1.5}}
  tensorboard_log.forget_after(run, 9)  # changes nothing
  assert scalars(run, 'train') == {'loss': {1: 0.5, 2: 1.0, 3: 1.5}}


def test_a_file_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  writer = tf.summary.create_file_writer(str(run.tensorboard / 'train'))
  with writer.as_default():
    for step in range(1, 4):
      tf.summary.scalar('train/loss', step / 2, step)
  (path,) = (run.tensorboard / 'train').iterdir()
  path.write_bytes(path.read_bytes()[:-5])
  tensorboard_log.forget_after(run, 1)
  assert scalars(run, 'train') == {'loss': {1: 0.5}}

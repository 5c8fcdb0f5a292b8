"""Event files of a real search, read back."""

import collections

import pytest
import tensorflow as tf

from deeplab_nas.train import metrics_log
from tests.train import conftest


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
      conftest.STEPS * epoch for epoch in range(1, conftest.EPOCHS + 1)
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

"""The loss by NumPy, and students that begin as their teachers."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.train import distillation, restore, train_run, trainer
from tests.train import records as records_lib
from tests.train import teachers, tiny_training

GENOTYPE = tiny_training.GENOTYPE


def logits(seed, size=(2, 4, 5, 3)):
  return np.random.default_rng(seed).normal(size=size).astype(np.float32) * 3


def test_the_divergence_is_that_of_numpy():
  wanted, given = logits(0), logits(1)
  labels = np.random.default_rng(2).choice([0, 1, 2, 255], size=[2, 4, 5])
  assert (labels == 255).any()
  pixels = scipy.stats.entropy(
    scipy.special.softmax(wanted, -1), scipy.special.softmax(given, -1), axis=-1
  )
  found = distillation.divergence(wanted, given, labels, 255)
  assert float(found) == pytest.approx(pixels[labels != 255].mean(), rel=1e-5)
  assert float(distillation.divergence(wanted, wanted, labels, 255)) == (
    pytest.approx(0, abs=1e-6)
  )
  nothing = np.full_like(labels, 255)
  assert float(distillation.divergence(wanted, given, nothing, 255)) == 0


def test_its_gradient_is_the_difference_of_the_softmaxes():
  wanted, given = logits(0), tf.constant(logits(1))
  with tf.GradientTape() as tape:
    tape.watch(given)
    found = distillation.divergence(wanted, given, np.zeros([2, 4, 5]), 255)
  expected = tf.nn.softmax(given) - tf.nn.softmax(wanted)
  np.testing.assert_allclose(
    tape.gradient(found, given), expected / 40, atol=1e-7
  )


@pytest.mark.parametrize('share', [0.25, 1.0])
def test_a_step_descends_the_shares_of_both(share):
  teacher = tiny_training.Pixelwise()
  soft = distillation.SoftLabels(teacher, share, 255)
  model = trainer.Trainer(
    tiny_training.Pixelwise(), config_lib.TrainConfig(), 8, soft_labels=soft
  )
  images, labels = tiny_training.batch(ignored=3)
  given = model.network(images, training=True)
  counts = np.array(labels) != 255
  softmaxes = (
    scipy.special.softmax(np.array(x), -1)
    for x in (teacher(images, training=False), given)
  )
  apart = scipy.stats.entropy(*softmaxes, axis=-1)[counts].mean()
  by_label = tf.nn.sparse_softmax_cross_entropy_with_logits(
    np.where(counts, labels, 0), given
  )
  expected = (1 - share) * np.array(by_label)[counts].mean() + share * apart
  before = teacher.get_weights()
  found = float(model.train_step((images, labels))['loss'])
  assert found == pytest.approx(expected, rel=1e-4)
  for a, b in zip(before, teacher.get_weights()):
    np.testing.assert_array_equal(a, b)


@pytest.fixture(scope='module')
def teacher(records, tmp_path_factory):
  info = dataset_info.DatasetInfo.load(records)
  return teachers.save(tmp_path_factory.mktemp('run') / 'teacher', info)


@pytest.fixture(scope='module')
def wider(records, teacher):
  """A student twice as wide, ready to be trained."""
  settings = records_lib.config(
    records, init_from=str(teacher.path), distil_share=0.5
  ).to_dict()
  settings['network']['filter_multiplier'] = 2
  return train_run.build(config_lib.Config.from_dict(settings), GENOTYPE)


def test_a_wider_student_begins_with_the_answers_of_its_teacher(teacher, wider):
  images, _ = tiny_training.batch()
  expected = restore.load(teacher.path).network(images, training=False)
  np.testing.assert_allclose(
    wider.trainer.network(images, training=False), expected, atol=1e-3
  )


def test_a_checkpoint_of_a_student_holds_no_teacher(records, wider, tmp_path):
  plain = train_run.build(records_lib.config(records), GENOTYPE)
  names = [
    tf.train.load_checkpoint(
      tf.train.Checkpoint(trainer=run.trainer).write(tmp_path / name)
    ).get_variable_to_shape_map()
    for name, run in (('wider', wider), ('plain', plain))
  ]
  assert names[0].keys() == names[1].keys()


def test_a_run_that_has_weights_inherits_none(records, teacher):
  settings = records_lib.config(
    records, init_from=str(teacher.path), distil_share=0.5
  )
  images, _ = tiny_training.batch()
  expected = restore.load(teacher.path).network(images, training=False)
  for has_weights in (True, False):
    run = train_run.build(settings, GENOTYPE, with_init=not has_weights)
    found = run.trainer.network(images, training=False)
    assert np.allclose(found, expected, atol=1e-3) != has_weights

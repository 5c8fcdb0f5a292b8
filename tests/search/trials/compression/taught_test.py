"""What a teacher costs and says, and students that begin with its weights."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.search.trials import evaluate, strategy
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials.compression import taught
from deeplab_nas.search.trials.lamarckian import inherited
from deeplab_nas.train import build, trainer
from tests.train import records as records_lib
from tests.train import teachers, tiny_training

NETWORK = {'stem_filters': [2, 2, 4], 'head_filters': 8, 'separable_head': True}


@pytest.fixture(scope='module')
def config(records, tmp_path_factory):
  info = dataset_info.DatasetInfo.load(records)
  path = tmp_path_factory.mktemp('taught') / 'teacher'
  run = teachers.save(path, info, filter_multiplier=4, **NETWORK)
  settings = records_lib.config(
    records,
    learning_rate=1e-6,
    recalibration_batches=0,
    init_from=str(run.path),
  ).to_dict()
  settings['network'].update(NETWORK)
  settings['search'] = {'strategy': 'esnac', 'trial_measure': 'params'}
  return config_lib.Config.from_dict(settings)


@pytest.fixture(scope='module')
def teacher(config):
  info = dataset_info.DatasetInfo.load(config.data.dir)
  return taught.Taught(config, info, None)


def test_a_student_is_judged_by_what_its_teacher_costs(config, teacher):
  asked = []
  params = sum(np.prod(x.shape) for x in teacher.network.trainable_variables)
  for _ in range(2):
    found = teacher.judged(
      {'params': params / 4}, 0.3, 'half b', lambda: asked.append(1) or 0.6
    )
  assert found['cost_removed'] == pytest.approx(0.75)
  assert found['reward'] == pytest.approx(0.75 * 1.25 * 0.5)
  assert len(asked) == 1
  with pytest.raises(errors.UserError, match='mIoU of the teacher is 0'):
    teacher.judged({'params': params / 4}, 0.3, 'others', lambda: 0.0)


def test_labels_alone_are_for_who_wants_them(config, teacher):
  assert teacher.soft_labels is not None
  train = dataclasses.replace(config.train, distil_share=0.0)
  info = dataset_info.DatasetInfo.load(config.data.dir)
  other = taught.Taught(dataclasses.replace(config, train=train), info, None)
  assert other.soft_labels is None


def test_a_student_begins_with_the_answers_of_its_teacher(config, teacher):
  student = build.build(
    dataclasses.replace(config.network, filter_multiplier=6),
    tiny_training.GENOTYPE,
    teacher.network.num_classes,
  )
  images, _ = tiny_training.batch()
  expected = teacher.network(images, training=False)
  assert not np.allclose(student(images, training=False), expected, atol=0.1)
  teacher.give_weights(student, 0)
  np.testing.assert_allclose(
    student(images, training=False), expected, atol=1e-3
  )


def test_trials_learn_from_their_teacher_and_are_judged(config, tmp_path):
  job = job_lib.Job(
    0, tiny_training.GENOTYPE, strategy.Fidelity(2), 1, 3.0, tmp_path
  )
  found = []
  for share in (None, 0.0):
    train = dataclasses.replace(config.train, distil_share=share)
    evaluator = evaluate.Evaluator(dataclasses.replace(config, train=train))
    found.append(evaluator(job))
  taught_alone, labels_alone = (each.losses[0] for each in found)
  assert taught_alone < 0.7 * labels_alone
  scores = found[0].scores
  assert 0 < scores['cost_removed'] < 0.5
  assert scores['reward'] == pytest.approx(
    scores['cost_removed']
    * (2 - scores['cost_removed'])
    * scores['accuracy_kept']
  )


def job(folder, number):
  return job_lib.Job(
    number,
    tiny_training.GENOTYPE,
    strategy.Fidelity(2),
    1,
    3.0,
    folder,
    keeps_weights=True,
  )


def test_a_trial_is_the_same_as_the_first_of_its_process_and_later(
  config, tmp_path
):
  evaluator = evaluate.Evaluator(config)
  first, later = (evaluator(job(tmp_path, number)) for number in range(2))
  assert first.losses == later.losses
  assert first.scores['cross_entropy'] == later.scores['cross_entropy']


def test_frozen_batch_norms_stay_those_of_the_teacher(
  config, teacher, tmp_path
):
  train = dataclasses.replace(
    config.train, batch_norm='freeze', learning_rate=0.1
  )
  frozen = dataclasses.replace(config, train=train)
  evaluate.Evaluator(frozen)(job(tmp_path, 0))
  num_classes = teacher.network.num_classes
  trained = inherited.load(job(tmp_path, 0).weights, frozen, num_classes)
  student = build.build(
    dataclasses.replace(config.network, filter_multiplier=3.0),
    tiny_training.GENOTYPE,
    num_classes,
  )
  teacher.give_weights(student, job(tmp_path, 0).seed)
  trainer.freeze_batch_norm(student)
  pairs = zip(student.weights, trained.weights)
  moved = {a.name.split('/')[-1] for a, b in pairs if not np.array_equal(a, b)}
  assert {'kernel:0'} <= moved
  assert not moved & {'gamma:0', 'beta:0', 'moving_mean:0', 'moving_variance:0'}

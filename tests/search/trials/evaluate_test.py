"""A trial is an ordinary training of half A, scored by half B."""

import math
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, input_pipeline
from deeplab_nas.run import provenance
from deeplab_nas.search.trials import evaluate, strategy
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.space import latency, search_space
from deeplab_nas.train import build, trainer
from tests.train import records as records_lib
from tests.train import tiny_training

STEPS = 4


@pytest.fixture(scope='module')
def config(records):
  network = {**tiny_training.NETWORK, 'stem_filters': [2, 2, 4]}
  made = records_lib.config(
    records, learning_rate=0.05, ema_decay=0.5, recalibration_batches=2
  )
  settings = made.to_dict()
  settings['network'].update(network, head_filters=8, separable_head=True)
  return config_lib.Config.from_dict(settings)


def job(tmp_path=pathlib.Path(), seed=1, filters=2.0, steps=STEPS, scale=1.0):
  fidelity = strategy.Fidelity(steps, scale)
  genotype = tiny_training.GENOTYPE
  return job_lib.Job(0, genotype, fidelity, seed, filters, tmp_path)


@pytest.fixture(scope='module')
def evaluator(config):
  return evaluate.Evaluator(config)


@pytest.fixture(scope='module', autouse=True)
def quick_graphs():
  """As the processes of trials have them."""
  before = tf.config.optimizer.get_experimental_options()
  tf.config.optimizer.set_experimental_options({'disable_meta_optimizer': True})
  yield
  before.setdefault('disable_meta_optimizer', False)
  tf.config.optimizer.set_experimental_options(before)


@pytest.fixture(scope='module')
def beats():
  return []


@pytest.fixture(scope='module')
def found(evaluator, beats):
  return evaluator(job(), lambda: beats.append(1))


def test_losses_are_those_of_an_ordinary_training(config, found):
  """Of Keras' own layers, one step after the other."""
  given = evaluate.config_of(config, job())
  info = dataset_info.DatasetInfo.load(config.data.dir)
  tf.keras.utils.set_random_seed(1)
  network = build.build(given.network, job().genotype, info.num_classes)
  model = trainer.Trainer(network, given.train, STEPS)
  batches = input_pipeline.train_dataset(
    config.data.dir, 'train', info, config.data.pipeline(1), subset='a'
  )
  losses = []
  for batch in batches.take(STEPS):
    model.reset_metrics()
    losses.append(float(model.train_step(batch)['loss']))
  assert len(found.losses) == STEPS
  np.testing.assert_allclose(found.losses, losses, rtol=1e-5)


def test_progress_shows(found, beats):
  assert len(beats) >= STEPS + 2


def test_all_that_is_asked_for_is_in_the_outcome(config, found):
  assert found.failure is None
  assert found.key == job().key
  scores = found.scores
  assert 0 < scores['cross_entropy'] < 10
  assert 0 <= scores['miou'] <= 1
  info = dataset_info.DatasetInfo.load(config.data.dir)
  assert list(found.class_iou) == list(info.class_names)
  known = [x for x in found.class_iou.values() if not math.isnan(x)]
  assert scores['miou'] == pytest.approx(np.mean(known), abs=1e-6)
  assert scores['loss_sum'] == pytest.approx(sum(found.losses))
  space = search_space.SearchSpace.containing(job().genotype, 2)
  model = config.network.cost_model(space, info.num_classes, (17, 17))
  parts = model.with_filter_multiplier(2).breakdown(job().genotype)
  assert scores['cell_macs'] == parts['cells'].macs
  assert scores['params'] == sum(part.params for part in parts.values())
  assert scores['filter_multiplier'] == 2
  assert found.about == {
    'device': latency.cpu_model(),
    'code': provenance.code(),
    'data': dataset_info.digest(config.data.dir),
  }
  assert 'latency_ms' not in scores
  spent = found.start_seconds + found.score_seconds
  assert 0 < spent < found.seconds


def test_the_constant_prediction_is_of_the_same_images(config, found):
  info = dataset_info.DatasetInfo.load(config.data.dir)
  batches = input_pipeline.eval_dataset(
    config.data.dir, 'train', info, config.data.pipeline(), subset='b'
  )
  labels = np.concatenate([np.ravel(labels) for _, labels in batches])
  counts = np.bincount(labels[labels != info.ignore_label])
  shares = counts[counts > 0] / counts.sum()
  assert found.constant == {
    'name': info.class_names[counts.argmax()],
    'miou': pytest.approx(shares.max() / len(shares)),
    'pixel_accuracy': pytest.approx(shares.max()),
    'cross_entropy': pytest.approx(-np.sum(shares * np.log(shares))),
  }


def test_the_same_job_gives_the_same_outcome(evaluator, found):
  again = evaluator(job())
  assert (again.losses, again.scores) == (found.losses, found.scores)
  assert evaluator(job(seed=2)).losses != found.losses


def test_half_b_alone_is_scored(config):
  info = dataset_info.DatasetInfo.load(config.data.dir)
  counts = input_pipeline.count_subsets(config.data.dir, 'train')
  batches = input_pipeline.eval_dataset(
    config.data.dir, 'train', info, config.data.pipeline(), subset='b'
  )
  images = sum(len(images) for images, _ in batches)
  assert images == counts['b'] != sum(counts.values())


def test_a_confirming_trial_is_scored_by_unseen_images_too(evaluator, found):
  again = evaluator(job()._replace(purpose=job_lib.CONFIRM))
  assert again.losses == found.losses
  assert again.scores.items() > found.scores.items()
  added = set(again.scores) - set(found.scores)
  assert added == {'unseen_cross_entropy', 'unseen_miou'}
  assert again.scores['unseen_miou'] != again.scores['miou']


def test_a_final_trial_trains_on_all_that_is_not_held_out(config, monkeypatch):
  """And is scored by the rest."""
  data = {**config.to_dict(), 'data': {**config.to_dict()['data']}}
  data['data']['held_out_fraction'] = 0.4
  seen = []
  for name in ('train_dataset', 'eval_dataset', 'whole_images'):
    inner = getattr(input_pipeline, name)

    def watched(*values, name=name, inner=inner, **named):
      subset = named.get('subset', values[4] if len(values) > 4 else None)
      seen.append((name, values[1], subset, named.get('held_out', False)))
      return inner(*values, **named)

    monkeypatch.setattr(input_pipeline, name, watched)
  evaluator = evaluate.Evaluator(config_lib.Config.from_dict(data))
  found = evaluator(job()._replace(purpose=job_lib.FINAL))
  assert found.failure is None
  assert set(seen) == {
    ('train_dataset', 'train', None, False),
    ('eval_dataset', 'train', None, True),
    ('whole_images', 'train', None, False),
  }


def test_a_final_trial_needs_unseen_images(config):
  blind = config.to_dict()
  blind['data']['val_split'] = ''
  evaluator = evaluate.Evaluator(config_lib.Config.from_dict(blind))
  found = evaluator(job()._replace(purpose=job_lib.FINAL))
  assert found.failure == evaluate.NO_UNSEEN


def test_a_loss_that_is_not_finite_is_a_result(config):
  wild = config.to_dict()
  wild['train'].update(learning_rate=1e30, ema_decay=None)
  found = evaluate.Evaluator(config_lib.Config.from_dict(wild))(job(steps=9))
  assert (found.failure, found.scores) == ('nan', None)


def test_a_lack_of_memory_is_a_result(evaluator):
  """A kernel of 16 TB; the next trial is as if nothing had been."""
  genotype = tiny_training.GENOTYPE
  two_layers = type(genotype)((0, 0), genotype.cell)
  found = evaluator(job(filters=2e6)._replace(genotype=two_layers))
  assert (found.failure, found.scores) == ('out of memory', None)


def test_smaller_images_have_smaller_crops(config):
  given = evaluate.config_of(config, job(scale=0.5))
  assert given.data.image_scale == 0.5 * config.data.image_scale
  large = config.to_dict()
  large['data']['crop_size'] = [97, 129]
  given = evaluate.config_of(config_lib.Config.from_dict(large), job(scale=0.5))
  assert given.data.crop_size == (49, 65)


def test_processor_time_is_that_of_the_trial(found):
  assert 0 < found.start_seconds < found.seconds
  assert found.cpu_seconds > 0

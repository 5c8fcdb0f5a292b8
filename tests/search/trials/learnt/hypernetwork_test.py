"""A study's hypernetwork learns once, and goes on after a kill."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, input_pipeline
from deeplab_nas.nn.network import step_random
from deeplab_nas.search.trials import evaluate, strategy
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials.learnt import hypernetwork
from tests import command
from tests.data import tiny_folder
from tests.train import records as records_lib
from tests.train import tiny_training

# Locks a folder until its input ends.
HOLDS = """
import fcntl, os, sys
fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX)
print('held', flush=True)
sys.stdin.read()
"""
# A network by itself takes some 20 steps to learn anything from the colours.
STEPS, ROUND, ARCHITECTURES = 96, 32, 8


@pytest.fixture(scope='module')
def colored(tmp_path_factory):
  """Records of images whose red channel gives the class."""
  root = tmp_path_factory.mktemp('colored')
  names = [f'image{i}' for i in range(12)]
  folder = tiny_folder.TinyFolder(root / 'folder', names)
  rng = np.random.default_rng(0)
  for name in names:
    patches = rng.integers(3, size=(3, 3), dtype=np.uint8)
    labels = patches.repeat(11, axis=0).repeat(11, axis=1)
    pixels = rng.integers(0, 256, (33, 33, 3), np.uint8)
    pixels[..., 0] = labels * 100
    folder.image(f'{name}.png', pixels)
    folder.mask(f'{name}.png', labels)
  result = command.here(
    'datasets/build_folder_data.py',
    f'--data_dir={root}/folder',
    f'--output_dir={root}/records',
    '--val_fraction=0.2',
  )
  assert result.returncode == 0, result.stderr
  return str(root / 'records')


@pytest.fixture(scope='module')
def config(colored):
  settings = records_lib.config(colored, recalibration_batches=2).to_dict()
  settings['data'].update(crop_size=[33, 33], batch_size=4)
  settings['network'].update(
    {**tiny_training.NETWORK, 'stem_filters': [2, 2, 4], 'head_filters': 8},
    separable_head=True,
  )
  settings['space'].update(
    num_layers=2,
    num_blocks=1,
    filter_multiplier=2,
    stem_filters=None,
  )
  settings['search'] = {'strategy': 'graph_hypernetwork'}
  settings['graph_hypernetwork'] = {
    'num_units': 8,
    'num_hidden': 16,
    'num_sweeps': 1,
    'learning_rate': 0.01,
  }
  return config_lib.Config.from_dict(settings)


@pytest.fixture(scope='module', autouse=True)
def short_rounds():
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(hypernetwork, 'ROUND', ROUND)
    patch.setattr(hypernetwork, 'ARCHITECTURES', ARCHITECTURES)
    yield


@pytest.fixture(scope='module')
def info(config):
  return dataset_info.DatasetInfo.load(config.data.dir)


def learner(config, info, steps=STEPS):
  return hypernetwork.Learner(config, info, steps)


def values(made):
  return [v.numpy() for v in made.hypernetwork.trainable_variables]


def loss_of(made, config, info, seeds):
  """Cross-entropy of half B, with architectures that nothing has drawn."""
  space = config.space.build()
  batches = input_pipeline.eval_dataset(
    config.data.dir, 'train', info, config.data.pipeline(), subset='b'
  )
  found = []
  for seed in seeds:
    genotype = space.random(np.random.default_rng([99, seed]))
    model = made.hypernetwork.attach(
      hypernetwork.network_of(config, genotype, 3.0, info)
    )
    model.predict()
    for images, labels in batches.take(2):
      with step_random.nothing_dropped():
        logits = model(images, training=True)
      counted = labels != info.ignore_label
      losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels[counted], logits[counted]
      )
      found.append(float(tf.reduce_mean(losses)))
  return np.mean(found)


@pytest.mark.slow
def test_it_lowers_the_loss_of_architectures_that_it_has_not_seen(
  config, info, tmp_path
):
  made = learner(config, info)
  before = loss_of(made, config, info, range(4))
  made.run(tmp_path)
  assert loss_of(made, config, info, range(4)) < before - 0.25


@pytest.mark.slow
def test_one_that_was_stopped_goes_on_as_if_it_never_was(
  config, info, tmp_path, monkeypatch
):
  monkeypatch.setattr(hypernetwork, 'ROUND', 4)
  whole = learner(config, info, 8)
  start = values(whole)
  whole.run(tmp_path / 'whole')
  first = learner(config, info, 8)
  first.run(tmp_path / 'parts', num_rounds=1)
  assert int(first.step) == 4
  again = learner(config, info, 8)
  again.run(tmp_path / 'parts')
  assert int(again.step) == 8
  moved = 0
  for x, y, z in zip(values(again), values(whole), start):
    np.testing.assert_allclose(x, y, rtol=1e-4, atol=1e-5)
    moved = max(moved, np.abs(y - z).max())
  assert moved > 0.01


@pytest.mark.slow
def test_a_job_scores_with_weights_that_are_kept_in_the_folder(
  config, tmp_path
):
  genotype = config.space.build().random(np.random.default_rng(3))
  fidelity = strategy.Fidelity(3, evaluator=strategy.HYPERNETWORK)
  job = job_lib.Job(0, genotype, fidelity, 5, 2.0, tmp_path / '0000')
  job = job_lib.Job.from_line(job.to_line())
  assert job.fidelity == fidelity
  beats = []
  found = evaluate.Evaluator(config)(job, lambda: beats.append(1))
  assert found.failure is None and len(beats) > 3
  assert 0 < found.scores['cross_entropy'] < 10
  assert found.scores['filter_multiplier'] == 2
  assert 'loss_sum' not in found.scores and found.losses == ()
  (index,) = (tmp_path / hypernetwork.FOLDER).glob('ckpt-*.index')
  assert index.name == 'ckpt-3.index'
  written = index.stat().st_mtime_ns
  # Another process gets the same; its trials have other seeds.
  again = evaluate.Evaluator(config)(job._replace(seed=6))
  assert again.scores == pytest.approx(found.scores, rel=1e-4)
  assert index.stat().st_mtime_ns == written
  other = dataclasses.replace(
    config, runtime=dataclasses.replace(config.runtime, seed=8)
  )
  elsewhere = job._replace(folder=tmp_path / 'other' / '0000')
  differing = evaluate.Evaluator(other)(elsewhere).scores['cross_entropy']
  assert differing != pytest.approx(found.scores['cross_entropy'], rel=1e-3)


@pytest.mark.slow
def test_a_process_that_finds_the_folder_locked_waits(config, info, tmp_path):
  """Until the other one has ended; meanwhile it shows signs of life."""
  folder = tmp_path / hypernetwork.FOLDER
  folder.mkdir()
  other = subprocess.Popen(
    [sys.executable, '-c', HOLDS, folder],
    stdin=subprocess.PIPE,
    stdout=subprocess.PIPE,
  )
  assert other.stdout.readline() == b'held\n'
  waited = []

  def beat():
    if other.poll() is None:
      waited.append(1)
      if len(waited) == 3:
        other.communicate()

  models = hypernetwork.Models(config)
  fidelity = strategy.Fidelity(1, evaluator=strategy.HYPERNETWORK)
  genotype = config.space.build().random(np.random.default_rng(3))
  job = job_lib.Job(0, genotype, fidelity, 5, 2.0, tmp_path / '0000')
  model = models(evaluate.config_of(config, job), job, info, beat)
  assert len(waited) == 3 and not other.returncode
  assert model.network.weights


def test_equal_seeds_begin_with_equal_weights(config, info):
  first, again = (values(learner(config, info, 1)) for _ in range(2))
  for x, y in zip(first, again):
    np.testing.assert_array_equal(x, y)

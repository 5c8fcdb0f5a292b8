"""Trials that begin with the weights of others, on real images."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.search.trials import evaluate, strategy
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials.lamarckian import inherited
from deeplab_nas.train import build
from tests.train import records as records_lib
from tests.train import tiny_training

EXACT = tiny_training.OTHER_GENOTYPE  # 5x5 for 3x3
APPROXIMATE = type(EXACT)(
  (0,), ((('prev', 'avg_pool_3x3'), ('prev_prev', 'skip_connect')),)
)


@pytest.fixture(scope='module')
def config(records):
  made = records_lib.config(
    records, learning_rate=0.05, ema_decay=0.5, recalibration_batches=2
  )
  settings = made.to_dict()
  settings['search'].update(strategy='lemonade')
  settings['network'].update(
    tiny_training.NETWORK,
    stem_filters=[2, 5, 4],  # H^{l-2} is projected, whatever the width
    head_filters=8,
    separable_head=True,
  )
  settings['lemonade'] = {'distil_steps': 3}
  return config_lib.Config.from_dict(settings)


def job(folder, number, genotype, steps=2, **values):
  return job_lib.Job(
    number,
    genotype,
    strategy.Fidelity(steps),
    1,
    values.pop('filters', 2.0),
    folder / f'{number:04d}',
    **values,
  )


@pytest.fixture(scope='module')
def study(config, tmp_path_factory):
  """An evaluator, and the folder of a parent's trial with its outcome."""
  folder = tmp_path_factory.mktemp('trials')
  first = job(folder, 0, tiny_training.GENOTYPE, steps=6, keeps_weights=True)
  first.folder.mkdir()
  evaluator = evaluate.Evaluator(config)
  return evaluator, folder, evaluator(first)


def info(config):
  return dataset_info.DatasetInfo.load(config.data.dir)


def images():
  return tiny_training.batch()[0]


def test_the_weights_are_those_that_were_scored(config, study):
  """Averages and statistics: scored again they give the same scores."""
  evaluator, folder, found = study
  assert found.failure is None and not found.distil_losses
  exact = job(folder, 1, tiny_training.GENOTYPE, steps=1, parent=0)
  still = dataclasses.replace(
    evaluator.config,
    train=dataclasses.replace(
      evaluator.config.train,
      learning_rate=1e-12,
      weight_decay=0.0,
      recalibration_batches=2,
    ),
  )
  again = evaluate.Evaluator(still)(exact)
  assert again.approximate == again.distil_losses == ()
  assert again.scores['cross_entropy'] == pytest.approx(
    found.scores['cross_entropy'], rel=1e-3
  )


@pytest.mark.parametrize('filters', [2.0, 3.0])
def test_a_child_of_an_exact_morphism_begins_as_its_parent(
  config, study, filters
):
  _, folder, _ = study
  child = job(folder, 2, EXACT, parent=0, filters=filters)
  wide = evaluate.config_of(config, child)
  parent = inherited.load(child.parent_weights, wide, 3)
  begun = inherited.begin(
    wide, child, info(config), tiny_training.batches, print
  )
  assert begun.approximate == begun.distil_losses == ()
  a, b = (net(images()) for net in (parent, begun.network))
  np.testing.assert_allclose(b, a, atol=1e-5 * np.abs(a).max())


def test_an_approximate_child_learns_to_answer_as_its_parent(config, study):
  evaluator, folder, _ = study
  child = job(folder, 3, APPROXIMATE, parent=8)
  wide = evaluate.config_of(config, child)
  parent = inherited.load(folder / '0000' / job_lib.WEIGHTS, wide, 3)
  # After six steps it has no opinion yet.
  kernel = parent.logits.kernel
  kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
  child.parent_weights.parent.mkdir()
  inherited.save(parent, child.parent_weights)
  longer = dataclasses.replace(
    wide, lemonade=dataclasses.replace(wide.lemonade, distil_steps=12)
  )
  notes = []
  begun = inherited.begin(
    longer,
    child,
    info(config),
    tiny_training.batches,
    lambda: notes.append(1),
  )
  assert begun.approximate == ('avg_pool_3x3 for sep_conv_3x3',)
  assert len(begun.distil_losses) == len(notes) == 12
  first, last = begun.distil_losses[:4], begun.distil_losses[-4:]
  assert np.mean(last) < np.mean(first) - 0.01  # the same four batches
  found = evaluator(child)
  assert found.failure is None
  assert len(found.distil_losses) == 3 and len(found.losses) == 2


def test_distillation_drops_nothing(config):
  """Dropout's seed is a network's own: two with equal weights learn alike."""
  networks = []
  for seed in range(3):
    tf.keras.utils.set_random_seed(seed)
    networks.append(
      build.build(config.network, APPROXIMATE, info(config).num_classes)
    )
  teacher, *students = networks
  students[1].set_weights(students[0].get_weights())
  batch = tiny_training.batch()
  batches = tf.data.Dataset.from_tensors(batch).repeat()
  losses = [
    inherited.distil(
      teacher, student, batches, 2, config.train, 255, lambda: None
    )
    for student in students
  ]
  assert losses[0] == losses[1]


def test_the_same_inheritance_gives_the_same_outcome(study):
  evaluator, folder, _ = study
  child = job(folder, 4, APPROXIMATE, parent=0)
  first, again = evaluator(child), evaluator(child)
  assert first.scores == again.scores
  assert first.distil_losses == again.distil_losses
  assert not child.weights.exists()


def test_weights_that_are_gone_are_a_failure_in_a_sentence(study):
  evaluator, folder, _ = study
  found = evaluator(job(folder, 5, EXACT, parent=9))
  assert 'weights of the parent, cannot be read' in found.failure


def test_a_file_has_the_network_and_is_small(config, study, tmp_path):
  _, folder, _ = study
  path = folder / '0000' / job_lib.WEIGHTS
  network = inherited.load(path, config, 3)
  assert isinstance(network, network_lib.DerivedNetwork)
  assert network.genotype == tiny_training.GENOTYPE
  inherited.save(network, tmp_path / 'copy.npz')
  copy = inherited.load(tmp_path / 'copy.npz', config, 3)
  for a, b in zip(network.get_weights(), copy.get_weights()):
    np.testing.assert_array_equal(a, b)
  numbers = sum(a.size for a in network.get_weights())
  assert path.stat().st_size < 4 * numbers + 500 * len(network.variables)

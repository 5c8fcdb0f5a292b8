"""Scores by shared weights are those of the definition, and leave no trace."""

import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.search.relaxed.scoring import shared_weights
from deeplab_nas.space import arch_weights, zoo
from deeplab_nas.space import genotype as genotype_lib
from tests.search import tiny

GENOTYPES = [
  genotype_lib.Genotype(
    (0, 1),
    ((('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),),
  ),
  genotype_lib.Genotype(
    (1, 0),
    ((('prev', 'avg_pool_3x3'), ('prev_prev', 'sep_conv_5x5')),),
  ),
  genotype_lib.Genotype(
    (1, 1),
    ((('prev', 'avg_pool_3x3'), ('prev', 'sep_conv_5x5')),),
  ),
]


def dataset(*seeds):
  batches = [tiny.batch(seed, ignored=5) for seed in seeds]
  return lambda: tf.data.Dataset.from_tensor_slices(
    tf.nest.map_structure(lambda *x: tf.stack(x), *batches)
  )


@pytest.fixture(scope='module')
def supernet():
  tf.keras.utils.set_random_seed(1)
  found = supernet_lib.Supernet(tiny.SPACE, tiny.NUM_CLASSES)
  rng = np.random.default_rng(1)
  for variable in found.non_trainable_variables:  # of other weights
    variable.assign(rng.uniform(1, 9, variable.shape))
  return found


@pytest.fixture(scope='module')
def evaluate(supernet):
  return shared_weights.SharedWeights(supernet, dataset(0), dataset(1, 2))


def expected(supernet, genotype):
  """Cross-entropy and mIoU by the readable nodes and NumPy."""
  plain = supernet_lib.Supernet(tiny.SPACE, tiny.NUM_CLASSES, fused=False)
  plain.set_weights(supernet.get_weights())
  weights = arch_weights.one_hot(genotype, tiny.SPACE)
  for statistic in plain.non_trainable_variables:
    statistic.assign(tf.zeros_like(statistic))
  plain(tiny.batch(0)[0], weights, phases.WEIGHT_STEP)
  for statistic in plain.non_trainable_variables:
    statistic.assign(statistic / 0.1)  # a step's share, by the momentum
  losses, truth, found = [], [], []
  for seed in (1, 2):
    images, labels = tiny.batch(seed, ignored=5)
    logits = plain(images, weights).numpy().astype(np.float64)
    is_valid = labels.numpy() != 255
    logits, labels = logits[is_valid], labels.numpy()[is_valid]
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    losses.append(-log_p[np.arange(len(labels)), labels])
    truth.append(labels)
    found.append(logits.argmax(-1))
  ious = sklearn.metrics.jaccard_score(
    np.concatenate(truth), np.concatenate(found), average=None
  )
  return np.concatenate(losses).mean(), ious.mean()


@pytest.mark.parametrize('genotype', GENOTYPES, ids=str)
def test_a_score_is_that_of_the_definition(supernet, evaluate, genotype):
  found = evaluate(genotype)
  loss, miou = expected(supernet, genotype)
  assert found['cross_entropy'] == pytest.approx(loss, rel=1e-4)
  assert found['miou'] == pytest.approx(miou, abs=2e-3)


def test_the_supernet_is_left_alone_and_order_does_not_matter(
  supernet, evaluate
):
  before = [x.copy() for x in supernet.get_weights()]
  first, second, again = map(evaluate, [*GENOTYPES[:2], GENOTYPES[0]])
  assert first == again != second
  for old, new in zip(before, supernet.get_weights()):
    np.testing.assert_array_equal(old, new)


def test_statistics_do_not_count(supernet, evaluate):
  """They are those of all that was trained before."""
  before = evaluate(GENOTYPES[0])
  kept = [x.numpy() for x in supernet.non_trainable_variables]
  for variable in supernet.non_trainable_variables:
    variable.assign(7 * variable + 1)
  assert evaluate(GENOTYPES[0]) == before
  for variable, value in zip(supernet.non_trainable_variables, kept):
    variable.assign(value)


def test_architectures_of_another_space_are_refused(evaluate):
  with pytest.raises(ValueError, match='the lattice has 2'):
    evaluate(zoo.load('auto_deeplab'))

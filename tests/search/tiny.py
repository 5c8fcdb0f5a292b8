"""A search small enough for tests: 2 layers, 1 block, made-up batches."""

import numpy as np
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.search.relaxed import searcher as searcher_lib
from deeplab_nas.search.relaxed import strategy
from deeplab_nas.space import cell_space, lattice, primitives, search_space

NUM_CLASSES = 3
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(1, primitives.PRIMITIVES[2:6]), lattice.Lattice(2), 1
)


def searcher(
  steps_per_epoch=2,
  seed=0,
  keeps_statistics=False,
  class_weights=(),
  passes=None,
  **settings,
):
  """A compiled searcher; `settings` are those of `SearchConfig`."""
  tf.keras.utils.set_random_seed(seed)
  settings = {'epochs': 4, 'arch_start_epoch': 1, **settings}
  model = searcher_lib.Searcher(
    SPACE,
    NUM_CLASSES,
    config_lib.SearchConfig(**settings),
    steps_per_epoch,
    seed=seed,
    keeps_statistics=keeps_statistics,
    class_weights=class_weights,
    passes=passes,
  )
  model.compile(model.weight_optimizer)
  return model


def batch(seed, size=33, ignored=0):
  """Images whose red channel gives the class; the first rows are ignored."""
  rng = np.random.default_rng(seed)
  patches = rng.integers(NUM_CLASSES, size=(2, size // 11, size // 11))
  labels = patches.repeat(11, axis=1).repeat(11, axis=2)
  images = rng.uniform(0, 255, (2, size, size, 3))
  images[..., 0] = labels * 100
  labels[:, :ignored] = 255
  return tf.constant(images, tf.float32), tf.constant(labels, tf.int32)


def progress(step=0, fraction=0.0):
  """Where a search is."""
  return strategy.Progress(
    tf.cast(step, tf.int64), tf.constant(fraction, tf.float32)
  )


def arch_step(loss, val=None, at=None, train=None, weights=None):
  """What a strategy gets: a loss of (batch, weights) on made-up batches."""
  return strategy.ArchStep(train, val, at or progress(), loss, weights, loss)


def batches(count=4):
  """A dataset of pairs of batches, of split A and split B."""
  pairs = [(batch(i), batch(100 + i)) for i in range(count)]
  return tf.data.Dataset.from_tensor_slices(
    tf.nest.map_structure(lambda *x: tf.stack(x), *pairs)
  )

"""Random numbers of a training that follow from its step alone.

A resumed run draws what an uninterrupted one would have drawn, and each image
of a batch gets the same numbers on one device and on many.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

_local = threading.local()


class StepRandom:
  """Draws for the images of a batch.

  Attributes:
    progress: float32 variable [], share of the training that is done, 0 to 1;
      its value is the seed of the step.
  """

  def __init__(self, progress: tf.Variable):
    """Takes a seed of its own from NumPy, as `set_random_seed` sets it."""
    self.progress = progress
    self._seed = int(np.random.randint(2**31))

  def uniform(
    self, x: tf.Tensor, shape: Sequence[int | tf.Tensor], index: int = 0
  ) -> tf.Tensor:
    """Numbers in [0, 1), float32 [B, *shape].

    Args:
      x: The batch, [B, ...]; under a distribution strategy the replica's part,
        and all replicas have equally many images.
      shape: Of an image's numbers.
      index: Tells apart what is drawn in one step.
    """
    seed = [self._seed ^ index, tf.bitcast(self.progress, tf.int32)]
    replica = tf.distribute.get_replica_context()
    count = tf.shape(x)[0]
    num_images = count * replica.num_replicas_in_sync
    draws = tf.random.stateless_uniform([num_images, *shape], seed)
    first = count * replica.replica_id_in_sync_group
    return draws[first : first + count]


def kept(x: tf.Tensor, draws: tf.Tensor, keep_prob: tf.Tensor) -> tf.Tensor:
  """x where the draws are below `keep_prob`, divided by it, and else 0."""
  if getattr(_local, 'drops_nothing', False):
    return x
  factor = tf.where(draws < keep_prob, 1 / keep_prob, 0.0)
  return x * tf.cast(factor, x.dtype)


@contextlib.contextmanager
def nothing_dropped() -> Iterator[None]:
  """What is traced while this is open drops nothing, in training neither.

  Replicas are traced in threads of their own, and so is this.
  """
  before = getattr(_local, 'drops_nothing', False)
  _local.drops_nothing = True
  try:
    yield
  finally:
    _local.drops_nothing = before

"""Several devices or machines: which strategy, and what a batch is there."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas import errors
from deeplab_nas.config import runtime as config_runtime
from deeplab_nas.run import cluster, stop_signals

# Fewer images than this are too few for the statistics of a batch.
_SMALL_BATCH = 8


def strategy(config: config_runtime.RuntimeConfig) -> tf.distribute.Strategy:
  """The strategy that the settings name, made once for a process.

  Raises:
    UserError: If this machine does not have what it needs.
  """
  if config.distribution == 'none':
    return tf.distribute.get_strategy()
  return _made(config.distribution)


@functools.cache
def _made(name: str) -> tf.distribute.Strategy:
  return _MAKERS[name]()


def _mirrored() -> tf.distribute.Strategy:
  devices = tf.config.list_logical_devices('GPU')
  devices = devices or tf.config.list_logical_devices('CPU')
  if len(devices) == 1:
    logging.warning(
      'There is one device (%s): it works alone.', devices[0].name
    )
  return tf.distribute.MirroredStrategy([device.name for device in devices])


def _tpu() -> tf.distribute.Strategy:
  try:
    resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
      os.environ.get('TPU_NAME', '')
    )
    tf.config.experimental_connect_to_cluster(resolver)
    tf.tpu.experimental.initialize_tpu_system(resolver)
  except (ValueError, tf.errors.OpError) as error:
    raise errors.UserError(
      'runtime.distribution=tpu finds no TPU: start it, and set TPU_NAME where'
      ' it is not the local one.'
    ) from error
  return tf.distribute.TPUStrategy(resolver)


def _multi_worker() -> tf.distribute.Strategy:
  cluster.wait_for_chief()
  with stop_signals.kept():  # TensorFlow takes SIGTERM for itself
    return tf.distribute.MultiWorkerMirroredStrategy()


_MAKERS = {
  'mirrored': _mirrored,
  'multi_worker': _multi_worker,
  'tpu': _tpu,
}


def replica_batch(strategy_: tf.distribute.Strategy, batch_size: int) -> int:
  """Images of a batch for each replica; says so where there are several.

  Raises:
    UserError: If the batch cannot be divided.
  """
  num_replicas = strategy_.num_replicas_in_sync
  if batch_size % num_replicas:
    raise errors.UserError(
      f'data.batch_size is {batch_size}, expected a multiple of the'
      f' {num_replicas} replicas: it is the batch of all together.'
    )
  if num_replicas > 1:
    logging.info(
      'A batch of %d on %d replicas: %d images each.',
      batch_size,
      num_replicas,
      batch_size // num_replicas,
    )
  return batch_size // num_replicas


def synchronizes_norms(
  config: config_runtime.RuntimeConfig, replica_batch_size: int
) -> bool:
  """Whether batch norm takes its statistics over all replicas."""
  if config.distribution == 'none':
    return False
  if config.sync_batch_norm is not None:
    return config.sync_batch_norm
  return replica_batch_size < _SMALL_BATCH


def has_workers(strategy_: tf.distribute.Strategy) -> bool:
  """Whether the replicas are those of several processes."""
  return isinstance(strategy_, tf.distribute.MultiWorkerMirroredStrategy)


def any_of(
  strategy_: tf.distribute.Strategy, flags: Sequence[bool]
) -> list[bool]:
  """Each flag, which is raised if it is in any worker; all have to ask."""
  return [bool(x) for x in sum_of_workers(strategy_, np.asarray(flags, int))]


def sum_of_workers(
  strategy_: tf.distribute.Strategy, counts: np.ndarray
) -> np.ndarray:
  """The sum of what each worker has, int64 of any shape; all have to ask."""
  if not has_workers(strategy_):
    return counts
  num_local = len(strategy_.extended.worker_devices)

  def share(context: tf.distribute.experimental.ValueContext) -> tf.Tensor:
    is_first = context.replica_id_in_sync_group % num_local == 0
    return tf.constant(counts if is_first else 0 * counts, tf.int64)

  shares = strategy_.experimental_distribute_values_from_function(share)
  return strategy_.reduce('SUM', shares, axis=None).numpy()


def distributed(
  batches: tf.data.Dataset, strategy_: tf.distribute.Strategy
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
  """The batches, divided among the replicas; unchanged without a strategy."""
  if strategy_ is tf.distribute.get_strategy():
    return batches
  return strategy_.experimental_distribute_dataset(batches)

"""The consistency check of a cluster: all workers were started alike.

Workers that differ would train different things and average them, or wait for
each other forever.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

import deeplab_nas
from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import cluster, devices

# Machines may differ in where the data is, and in how many threads suit them.
_OWN_SETTINGS = (
  'data.dir',
  'runtime.inter_op_threads',
  'runtime.intra_op_threads',
)


def facts(
  config: config_lib.Config, info: dataset_info.DatasetInfo
) -> dict[str, str]:
  """What workers have to have in common, by its name."""
  found = {
    'version of deeplab_nas': deeplab_nas.__version__,
    'version of TensorFlow': tf.__version__,
    'dataset': repr(info),
  }
  for section, settings in config.to_dict().items():
    for name, value in settings.items():
      found[f'{section}.{name}'] = repr(value)
  return {k: v for k, v in found.items() if k not in _OWN_SETTINGS}


def require(strategy: tf.distribute.Strategy, said: Mapping[str, str]) -> None:
  """Raises a UserError in all workers unless all of them say the same.

  Args:
    strategy: Of the run; if it is of one machine, nothing is asked.
    said: What this worker has, by its name; the names are those of all.
  """
  if not devices.has_workers(strategy):
    return
  workers, own = cluster.addresses(), cluster.read()['task']['index']
  hashes = np.zeros([len(workers), len(said)], np.int64)
  hashes[own] = [zlib.crc32(text.encode()) for text in said.values()]
  hashes = devices.sum_of_workers(strategy, hashes)
  differs = np.argwhere(hashes != hashes[0])
  if not len(differs):
    return
  worker, index = differs[0]
  raise errors.UserError(
    f'Worker {worker} ({workers[worker]}) has another {list(said)[index]} than'
    f' worker 0 ({workers[0]}): start all workers with the same command,'
    ' program and data.'
  )

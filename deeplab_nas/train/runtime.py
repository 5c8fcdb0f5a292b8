"""TensorFlow as a run wants it: quiet, threads set, seeded."""

from __future__ import annotations

import os
import warnings

from deeplab_nas import config as config_lib


def silence() -> None:
  """Keeps start-up notes that no user can act on from the terminal.

  Errors still show. Has to be called before TensorFlow is imported.
  """
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  # That Python will go out of support one day; a dependency says so on import.
  warnings.filterwarnings(
    'ignore', category=FutureWarning, module=r'google\.api_core'
  )


def configure(config: config_lib.RuntimeConfig) -> None:
  """Sets threads, memory growth and seeds; before the first operation."""
  import tensorflow as tf

  tf.get_logger().setLevel('ERROR')
  tf.config.threading.set_inter_op_parallelism_threads(config.inter_op_threads)
  tf.config.threading.set_intra_op_parallelism_threads(config.intra_op_threads)
  for gpu in tf.config.list_physical_devices('GPU'):
    tf.config.experimental.set_memory_growth(gpu, True)
  tf.keras.utils.set_random_seed(config.seed)
  if config.deterministic:
    tf.config.experimental.enable_op_determinism()

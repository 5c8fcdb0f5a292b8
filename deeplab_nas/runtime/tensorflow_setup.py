"""TensorFlow as a run wants it: quiet, threads set, seeded.

TensorFlow is imported by the functions only, so that what can be refused
without it is refused at once.
"""

from __future__ import annotations

import contextlib
import logging as python_logging
import os
import warnings
from collections.abc import Iterator

from absl import logging

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.runtime import ordered_sums


def prepare(
  config: config_lib.RuntimeConfig, optimizes_graphs: bool = True
) -> None:
  """Imports TensorFlow and sets it up; before anything else uses it.

  Args:
    config: Devices, threads and the seed.
    optimizes_graphs: Whether TensorFlow optimises what it traces. Steps of a
      search and trials mostly call kernels of our own: on CPUs they start
      sooner without, and are as fast. On GPUs, where it fuses operations and
      chooses layouts, it always does.

  Raises:
    UserError: If it was used, in a notebook, and cannot change any more.
  """
  silence()
  import tensorflow as tf

  tf.get_logger().setLevel('ERROR')
  try:
    _set_up_devices(config)
  except RuntimeError as error:
    raise errors.UserError(
      f'TensorFlow has been used before, with other devices ({error}): start'
      ' Python anew, and run this first.'
    ) from error
  tf.keras.utils.set_random_seed(config.seed)
  is_off = not (optimizes_graphs or tf.config.get_visible_devices('GPU'))
  tf.config.optimizer.set_experimental_options(
    {'disable_meta_optimizer': is_off}
  )
  if config.deterministic:
    ordered_sums.enforce()
    tf.config.experimental.enable_op_determinism()


def _set_up_devices(config: config_lib.RuntimeConfig) -> None:
  import tensorflow as tf

  threading = tf.config.threading
  try:
    threading.set_inter_op_parallelism_threads(config.inter_op_threads)
    threading.set_intra_op_parallelism_threads(config.intra_op_threads)
  except RuntimeError:
    logging.warning(
      'TensorFlow has been used before: it keeps the threads that it has.'
    )
  if config.cpu_devices > 1:
    (cpu,) = tf.config.list_physical_devices('CPU')
    part = tf.config.LogicalDeviceConfiguration()
    tf.config.set_logical_device_configuration(cpu, [part] * config.cpu_devices)
  for gpu in tf.config.list_physical_devices('GPU'):
    # Taking all memory at once, as a used device has, is no harm.
    with contextlib.suppress(RuntimeError):
      tf.config.experimental.set_memory_growth(gpu, True)


def use_cpu(threads: int) -> None:
  """Has TensorFlow compute on the CPU alone, with so many threads.

  As many operations at a time, and as many threads within one.

  Args:
    threads: 0 for as many as there are cores.

  Raises:
    UserError: If it was used before, with others.
  """
  silence()
  import tensorflow as tf

  tf.get_logger().setLevel('ERROR')
  threading = tf.config.threading
  is_set = (
    threading.get_inter_op_parallelism_threads() == threads
    and threading.get_intra_op_parallelism_threads() == threads
  )
  try:
    if not is_set:
      threading.set_inter_op_parallelism_threads(threads)
      threading.set_intra_op_parallelism_threads(threads)
    if tf.config.get_visible_devices('GPU'):
      tf.config.set_visible_devices([], 'GPU')
  except RuntimeError as error:
    raise errors.UserError(
      f'TensorFlow has been used before, with other devices ({error}): start'
      ' Python anew, and run this first.'
    ) from error


def silence() -> None:
  """Keeps start-up notes that no user can act on from the terminal.

  What goes wrong later is an exception, and still shows.
  """
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  # That Python will go out of support one day; a dependency says so on import.
  warnings.filterwarnings(
    'ignore', category=FutureWarning, module=r'google\.api_core'
  )
  logging.get_absl_handler().setFormatter(
    python_logging.Formatter('%(asctime)s %(message)s', '%H:%M:%S')
  )


_LOWER = (
  'lower data.batch_size, data.crop_size or filter_multiplier (of space in a'
  ' search, of network in a training), and see with --dry_run what fits'
)


@contextlib.contextmanager
def memory_advice(remedy: str = _LOWER) -> Iterator[None]:
  """Turns a device that is out of memory into a sentence that helps."""
  try:
    yield
  except Exception as error:
    # Named, not imported: this module must not pull in TensorFlow.
    if type(error).__name__ not in ('ResourceExhaustedError', 'MemoryError'):
      raise
    if errors.NO_SPACE in str(error):  # of a file, not of the device
      raise
    raise errors.UserError(f'The device is out of memory: {remedy}.') from error

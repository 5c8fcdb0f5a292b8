"""TensorFlow is set up before it computes, and says nothing."""

import subprocess
import sys

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.runtime import tensorflow_setup


def test_threads_and_seed_are_set_and_nothing_is_printed():
  program = (
    'from deeplab_nas.config import config\n'
    'from deeplab_nas.runtime import tensorflow_setup\n'
    'tensorflow_setup.use_cpu(3)\n'
    'import tensorflow as tf\n'
    'assert tf.config.threading.get_inter_op_parallelism_threads() == 3\n'
    'assert tf.config.threading.get_intra_op_parallelism_threads() == 3\n'
    'assert not tf.config.get_visible_devices("GPU")\n'
    'tensorflow_setup.prepare(config.RuntimeConfig(3, 2, 1))\n'
    'import google.api_core\n'
    'assert tf.config.threading.get_inter_op_parallelism_threads() == 2\n'
    'assert tf.config.threading.get_intra_op_parallelism_threads() == 1\n'
    'first = float(tf.random.uniform([]))\n'
    'tf.keras.utils.set_random_seed(3)\n'
    'assert first == float(tf.random.uniform([]))\n'
  )
  result = subprocess.run(
    [sys.executable, '-c', program], capture_output=True, text=True
  )
  assert result.returncode == 0, result.stderr
  assert result.stdout == result.stderr == ''


def test_a_tensorflow_that_was_used_keeps_its_threads(caplog):
  import tensorflow as tf

  float(tf.zeros([]))
  before = tf.config.threading.get_inter_op_parallelism_threads()
  other = config_lib.RuntimeConfig(inter_op_threads=before + 1)
  tensorflow_setup.prepare(other)
  assert tf.config.threading.get_inter_op_parallelism_threads() == before
  assert 'keeps the threads' in caplog.text
  with pytest.raises(errors.UserError, match='start Python anew'):
    tensorflow_setup.prepare(config_lib.RuntimeConfig(cpu_devices=2))
  with pytest.raises(errors.UserError, match='start Python anew'):
    tensorflow_setup.use_cpu(before + 1)


def test_graphs_are_optimised_unless_the_run_that_is_prepared_has_no_gain():
  import tensorflow as tf

  def is_off() -> bool:
    options = tf.config.optimizer.get_experimental_options()
    return options['disable_meta_optimizer']

  config = config_lib.RuntimeConfig()
  tensorflow_setup.prepare(config, optimizes_graphs=False)
  assert is_off()
  tensorflow_setup.prepare(config)
  assert not is_off()


class ResourceExhaustedError(Exception):
  """Named as TensorFlow's."""


def test_a_full_device_gives_advice():
  advice = pytest.raises(errors.UserError, match='lower data.batch_size')
  with advice, tensorflow_setup.memory_advice():
    raise ResourceExhaustedError('OOM when allocating')


def test_other_errors_pass():
  with pytest.raises(KeyError), tensorflow_setup.memory_advice():
    raise KeyError('x')

"""Every test starts alike, whichever ran before it."""

import logging
import os
import random
import sys

import hypothesis
import numpy as np
import pytest

import deeplab_nas  # noqa: F401 - chooses Keras before a test imports it

pytest_plugins = ['tests.fixtures']

# Variable that has only tests of properties run, on so many times the examples.
TIMES_EXAMPLES = 'DEEPLAB_NAS_TIMES_EXAMPLES'


def pytest_collection_modifyitems(items):
  times = int(os.environ.get(TIMES_EXAMPLES, '1'))
  if times == 1:
    return
  items[:] = [x for x in items if hypothesis.is_hypothesis_test(x.obj)]
  for function in {x.function for x in items}:
    few = function._hypothesis_internal_use_settings
    function._hypothesis_internal_use_settings = hypothesis.settings(
      few, max_examples=times * few.max_examples
    )


@pytest.fixture(autouse=True)
def alike():
  """Seeds, and lets the root logger decide what is logged.

  TensorFlow leaves a level of its own on absl's logger when it saves a model.
  """
  random.seed(0)
  np.random.seed(0)
  if 'tensorflow' in sys.modules:
    # Keras draws its initializers from a generator that outlives a test.
    sys.modules['tensorflow'].keras.utils.set_random_seed(0)
  logging.getLogger('absl').setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def same_graphs():
  """Has TensorFlow optimise graphs afterwards if and only if it did before.

  A search in the test's process turns that off.
  """
  before = {}
  if tf := sys.modules.get('tensorflow'):
    before = tf.config.optimizer.get_experimental_options()
  yield
  if tf := sys.modules.get('tensorflow'):
    is_off = before.get('disable_meta_optimizer', False)
    _set_meta_optimizer(tf, is_off)


@pytest.fixture
def plain_graphs(same_graphs):
  """As searches and trials have them: no operations are fused or left out."""
  import tensorflow as tf

  _set_meta_optimizer(tf, is_off=True)


def _set_meta_optimizer(tf, is_off):
  tf.config.optimizer.set_experimental_options(
    {'disable_meta_optimizer': is_off}
  )

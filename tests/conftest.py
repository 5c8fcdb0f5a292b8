"""Every test starts alike, whichever ran before it."""

import logging
import random
import sys

import numpy as np
import pytest

import deeplab_nas  # noqa: F401 - chooses Keras before a test imports it

pytest_plugins = ['tests.fixtures']


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

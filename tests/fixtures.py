"""One tiny search that the tests of all its callbacks share."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from tests.train import records as records_lib

CLASSES = ('road', 'sky', 'car')
COLOURS = ((128, 64, 128), (70, 130, 180), (0, 0, 142))
STEPS, EPOCHS = 2, 2
SIZE = (17, 33)  # height, width
BATCH = 2


@dataclasses.dataclass(frozen=True)
class FinishedSearch:
  """A search of two epochs and all it left behind."""

  config: config_lib.Config
  info: dataset_info.DatasetInfo
  run: run_directory.RunDirectory
  searcher: Any
  history: dict[str, list[float]]
  val: Any


@pytest.fixture(scope='session')
def info():
  return dataset_info.DatasetInfo('tiny', CLASSES, COLOURS)


@pytest.fixture(scope='session')
def records(tmp_path_factory):
  """Folder of eight converted images to train on and two to validate."""
  return records_lib.make(tmp_path_factory.mktemp('data'))


@pytest.fixture(scope='session')
def finished(tmp_path_factory, info):
  """Trains a real supernet, the smallest there is."""
  import tensorflow as tf

  from deeplab_nas.search import callbacks
  from deeplab_nas.search.relaxed import searcher as searcher_lib

  config = config_lib.Config.from_dict(
    {
      'space': {'num_layers': 1, 'num_blocks': 1, 'filter_multiplier': 2},
      'data': {'batch_size': BATCH},
      'search': {'epochs': EPOCHS, 'arch_start_epoch': 1},
      'runtime': {'num_panels': 3},
    }
  )
  run = run_directory.RunDirectory.create(tmp_path_factory.mktemp('run'))
  continuation.start(run, config, ['train.py'])
  rng = np.random.default_rng(0)
  images = rng.uniform(0, 255, [4, *SIZE, 3]).astype(np.float32)
  labels = rng.integers(0, 2, [4, *SIZE], np.int32)  # never a car
  labels[:, 0] = info.ignore_label
  val = tf.data.Dataset.from_tensor_slices((images, labels)).batch(BATCH)
  searcher = searcher_lib.Searcher(
    config.space.build(), info.num_classes, config.search, STEPS
  )
  searcher.compile(searcher.weight_optimizer)
  history = searcher.fit(
    tf.data.Dataset.zip((val, val)).repeat(),
    epochs=EPOCHS,
    steps_per_epoch=STEPS,
    validation_data=val,
    callbacks=callbacks.for_search(
      run, config, info, STEPS, val, searcher.arch_state
    ),
    verbose=0,
  )
  return FinishedSearch(config, info, run, searcher, history.history, val)

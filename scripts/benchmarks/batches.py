"""The input pipeline as a case: batches as fast as they come."""

from __future__ import annotations

import time
from typing import Any

from benchmarks import busy_cores
from benchmarks import case as case_lib
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.runtime import tensorflow_setup

# What a training sets, in a `DataConfig`.
_PLAIN = {'min_scale': 1.0, 'max_scale': 1.0, 'flip': False}
KINDS = {
  'decode': {'cache': False, **_PLAIN},
  'cached': {'cache': True, **_PLAIN},
  'augment': {'cache': True},
}


def build(
  kind: str,
  data_dir: str,
  split: str,
  crop_size: int,
  batch_size: int,
  num_images: int,
  num_busy: int = 0,
) -> case_lib.Job:
  """Batches of a split, with the threads that a run has.

  Args:
    kind: One of `KINDS`: images decoded each time and cropped; decoded once and
      cropped; decoded once and augmented as a training does by default.
    data_dir: Folder of TFRecord shards.
    split: Name of the split.
    crop_size: Height and width of a crop.
    batch_size: Images in a batch.
    num_images: Images in a step, rounded to whole batches.
    num_busy: Cores that something else keeps busy meanwhile.
  """
  config = config_lib.Config.from_dict(
    {
      'data': {
        'dir': data_dir,
        'crop_size': [crop_size, crop_size],
        'batch_size': batch_size,
        **KINDS[kind],
      }
    }
  )
  info = dataset_info.DatasetInfo.load(data_dir)
  tensorflow_setup.prepare(config.runtime)
  from deeplab_nas.data import input_pipeline

  start = time.perf_counter()
  batches = iter(
    input_pipeline.train_dataset(
      data_dir, split, info, config.data.pipeline(config.runtime.seed)
    )
  )
  next(batches)
  facts = {
    'images': num_images // batch_size * batch_size,
    'first_batch_seconds': time.perf_counter() - start,
    **_size(info, split),
  }
  # Decodes what is decoded once.
  _take(batches, facts['examples'] // batch_size + 1)
  busy = busy_cores.BusyCores(num_busy)
  num_batches = num_images // batch_size
  return case_lib.Job(
    lambda: _take(batches, num_batches), lambda: facts, busy.close
  )


def _size(info: dataset_info.DatasetInfo, split: str) -> dict[str, Any]:
  """How many images of which size; only what dataset.json says."""
  known = info.splits[split]
  return {'examples': known.num_examples, 'max_size': list(known.max_size)}


def _take(batches, count: int) -> None:
  for _ in range(count):
    next(batches)

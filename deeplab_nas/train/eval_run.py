"""One evaluation of a trained network, from its run folder to files.

runs/a/eval/val/results.json     all numbers, and what they are of
runs/a/eval/val/classes.csv      a line for each class
runs/a/eval/val/images.csv       a line for each image, the worst first
runs/a/eval/val/images.npz       the counts of each image, to compare runs with
runs/a/eval/val/confusion.png    the confusion matrix as a picture
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from absl import logging

from deeplab_nas import errors, files
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import (
  classes,
  dataset_info,
  input_pipeline,
  labelled,
  pipeline_config,
  split_contents,
)
from deeplab_nas.evaluate import advice as advice_lib
from deeplab_nas.evaluate import (
  confusion_picture,
  evaluated,
  evaluator,
  scores,
  segmenter,
)
from deeplab_nas.nn.network import folding
from deeplab_nas.run import cluster, devices, worker_check
from deeplab_nas.run import directory as run_directory
from deeplab_nas.train import restore

_LINE_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """What was measured, and where it is written.

  Attributes:
    scores: All numbers.
    advice: What they say should be done, a sentence each; often none.
    folder: Of the files; None for a worker that leaves them to the chief.
  """

  scores: scores.Scores
  advice: tuple[str, ...]
  folder: pathlib.Path | None


def run(
  directory: run_directory.RunDirectory,
  config: config_lib.Config,
  readable_dir: str | None = None,
) -> Evaluation:
  """Evaluates and writes the files.

  Args:
    directory: The run folder of a training.
    config: Its settings, with those of `eval` and `data.dir` as wanted now.
    readable_dir: What is read in place of `data.dir`, if that is damaged.

  Raises:
    UserError: If there is no trained network or no such split, or the data has
      other classes.
  """
  # Before any operation: workers have to find each other first.
  strategy = devices.strategy(config.runtime)
  with strategy.scope():
    source = restore.load(directory, config.eval.checkpoint)
    network = folding.fold(source.network)
  split = config.eval.split or config.data.val_split
  data_dir = readable_dir or config.data.dir
  info = dataset_info.DatasetInfo.load(data_dir, config.data.dataset or None)
  _check_classes(info, source.info, config.data.dir)
  labelled.require(data_dir, split, info)
  worker_check.require(
    strategy,
    {
      **worker_check.facts(config, info),
      'checkpoint': pathlib.Path(source.checkpoint).name,
      'genotype': source.genotype.digest,
    },
  )
  logging.info(
    'Evaluating %s on split %s of %s ...',
    source.checkpoint,
    split,
    config.data.dir,
  )
  folder = directory.evaluations / _name(split, config, source.config)
  is_chief = cluster.is_chief(config.runtime)
  if is_chief:
    _require_writable(folder)
  result = _measure(network, config, info, data_dir, split, strategy)
  advice = tuple(advice_lib.sentences(result, source.config.train))
  if not is_chief:
    return Evaluation(result, advice, None)
  largest = split_contents.max_size(data_dir, split, info)
  costs = _costs(source, largest, config.data.image_scale)
  _write(folder, result, source, split, config, costs)
  return Evaluation(result, advice, folder)


def _require_writable(folder: pathlib.Path) -> None:
  """Refuses before hours of measuring what could not be written after them."""
  there = folder
  while not there.exists():
    there = there.parent
  errors.require(
    there.is_dir() and os.access(there, os.W_OK),
    f'{there} cannot be written to, and the scores go there: evaluate a copy of'
    ' the run folder, or change its permissions.',
  )


def _measure(
  network: tf.keras.Model,
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  data_dir: str,
  split: str,
  strategy: tf.distribute.Strategy,
) -> scores.Scores:
  """The network's scores on a split that has labels."""
  # Images come one by one and as they are: those of a batch would have to be
  # padded to one size, which changes what the network sees of them.
  images = input_pipeline.eval_dataset(
    data_dir, split, info, pipeline_config.PipelineConfig(batch_size=1)
  )
  result = evaluator.evaluate(
    segmenter.Segmenter(
      network,
      config.data.image_scale,
      config.eval.scales,
      config.eval.flip,
    ),
    images,
    info,
    _progress(),
    strategy,
    split_contents.file_names(data_dir, split),
  )
  return result


def _check_classes(
  info: dataset_info.DatasetInfo, of_training: dataset_info.DatasetInfo, where
) -> None:
  changed = classes.difference(info, of_training)
  if not changed:
    return
  # Colours are those of pictures alone.
  if classes.is_of_colours_alone(info, of_training):
    logging.warning('%s is not as the training data was: %s.', where, changed)
    return
  raise errors.UserError(
    f'{where} has the {info.num_classes} classes {_some(info.class_names)}, but'
    f' the network was trained on the {of_training.num_classes} classes'
    f' {_some(of_training.class_names)} ({changed}): evaluate on data of the'
    ' same classes.'
  )


def _some(names: Sequence[str]) -> str:
  return ', '.join(names[:3]) + (', ...' if len(names) > 3 else '')


def _name(
  split: str, config: config_lib.Config, of_training: config_lib.Config
) -> str:
  """A folder for each way to measure."""
  settings = config.eval
  parts = [split] if settings.checkpoint == restore.BEST else [split, 'last']
  if config.data.dir != of_training.data.dir:
    parts.append(f'of_{pathlib.Path(config.data.dir).resolve().name}')
  if settings.scales != (1.0,):
    parts.append('scales_' + '_'.join(f'{s:g}' for s in settings.scales))
  if settings.flip:
    parts.append('flip')
  return '_'.join(parts)


def _costs(
  source: restore.Trained, largest: tuple[int, int], image_scale: float
) -> dict[str, Any]:
  """What one pass of the network costs on the split's largest image."""
  size = tuple(max(1, round(side * image_scale)) for side in largest)
  cost = source.network.cost_model(size).of(source.genotype)
  return {
    'parameters': cost.params,
    'multiply_adds': cost.macs,
    'image_size': list(size),
  }


def _write(
  folder: pathlib.Path,
  result: scores.Scores,
  source: restore.Trained,
  split: str,
  config: config_lib.Config,
  costs: dict[str, Any],
) -> None:
  record = {
    'split': split,
    'data_dir': config.data.dir,
    'checkpoint': source.checkpoint,
    'genotype': source.genotype.digest,
    'image_scale': config.data.image_scale,
    'scales': list(config.eval.scales),
    'flip': config.eval.flip,
    'costs': costs,
    **result.to_dict(),
  }
  folder.mkdir(parents=True, exist_ok=True)
  text = json.dumps(record, indent=1, ensure_ascii=False) + '\n'
  files.write(folder / evaluated.RESULTS, text)
  files.write(folder / 'classes.csv', result.to_csv())
  files.write(folder / 'images.csv', result.images.to_csv(result.class_names))
  files.write(folder / evaluated.IMAGE_COUNTS, result.images.to_bytes())
  files.write(folder / 'confusion.png', confusion_picture.draw(result))


def _progress():
  """Logs a line now and then."""
  start = last = time.monotonic()

  def report(num_images: int) -> None:
    nonlocal last
    now = time.monotonic()
    if now - last >= _LINE_SECONDS:
      last = now
      logging.info(
        '%d images, %.2f s each.', num_images, (now - start) / num_images
      )

  return report

"""What a training reached, in words, with the command to go on with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from deeplab_nas import commands, wording
from deeplab_nas.report import baseline
from deeplab_nas.report import text as report_text
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import cost
from deeplab_nas.space import genotype as genotype_lib


def summarize(
  run: run_directory.RunDirectory,
  genotype: genotype_lib.Genotype,
  network: tf.keras.Model,
  metrics: Sequence[Mapping[str, Any]],
  kept_epoch: int,
  image_size: tuple[int, int] | None = None,
  keep: str = 'best',
) -> str:
  """The summary of a finished training.

  Args:
    run: Where its files are.
    genotype: The architecture.
    network: What was trained.
    metrics: The lines of `metrics_log`.
    kept_epoch: The epoch, counted from 1, in `best/`.
    image_size: (height, width) for which multiply-adds are counted; None
      counts none.
    keep: `train.keep`, why it was kept.
  """
  # Frozen ones count too.
  num_params = sum(
    math.prod(weight.shape)
    for layer in _leaves(network)
    for weight in layer.weights
    if 'moving_' not in weight.name
  )
  parts = (
    f'Trained architecture {genotype.digest},'
    f' {report_text.count(num_params)} parameters,'
    f' {wording.counted(len(metrics), "epoch")}.',
    *_costs(genotype, network, image_size),
    _quality(metrics, kept_epoch, keep),
    *baseline.warned(metrics),
    '',
    report_text.files(
      (f'{keep} weights', run.best),
      ('architecture', run.genotype),
      ('predictions', run.pictures / 'panels.png'),
      ('numbers by epoch', run.metrics),
      ('settings, versions', run.config),
    ),
    '',
    _next(run),
  )
  return '\n'.join(parts)


def _costs(
  genotype: genotype_lib.Genotype,
  network: tf.keras.Model,
  image_size: tuple[int, int] | None,
) -> list[str]:
  if image_size is None:
    return []
  parts = network.cost_model(image_size).breakdown(genotype)
  macs = report_text.count(sum(parts.values(), cost.Cost()).macs)
  height, width = image_size
  return [
    f'At {height} x {width} pixels {macs} multiply-adds:'
    f' {cost.format_shares(parts)}.'
  ]


def _leaves(network: tf.keras.Model) -> list[tf.keras.layers.Layer]:
  """Layers that own weights themselves."""
  kinds = (
    tf.keras.layers.Conv2D,
    tf.keras.layers.DepthwiseConv2D,
    tf.keras.layers.BatchNormalization,
  )
  return [layer for layer in network.submodules if isinstance(layer, kinds)]


def _quality(
  metrics: Sequence[Mapping[str, Any]], kept_epoch: int, keep: str
) -> str:
  by_epoch = {line['epoch']: line for line in metrics}
  line = by_epoch.get(kept_epoch, {})
  if line.get('val_miou') is None:
    return 'It was not validated.'
  loss = line.get('val_loss')
  entropy = '' if loss is None else f', cross-entropy {loss:.3f}'
  title = (
    f'Validation mIoU: {100 * line["val_miou"]:.1f} %{entropy}, after epoch'
    f' {kept_epoch}, the {keep}.'
  )
  return '\n'.join(
    [
      title,
      *report_text.statistics(line),
      *baseline.sentences(line),
      *report_text.class_rows(line),
    ]
  )


def _next(run: run_directory.RunDirectory) -> str:
  """The exact command to go on with."""
  line = commands.line('eval', f'--run_dir={run}')
  return f'Next, measure it on all images:\n  {line}'

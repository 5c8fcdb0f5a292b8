"""Writes a network as a SavedModel that TF Serving can load, and checks it.

    result = export(network, info, 'models/deeplab_nas')
    result.path        # models/deeplab_nas/1

    <base>/<version>/
      saved_model.pb, variables/    signatures, see `signatures`
      assets/                       class names, palette, genotype, settings
      assets.extra/                 warm-up requests; a TFLite model on request

What was written is loaded again and compared with the network in memory, batch
norm unfolded; on a difference nothing is left behind.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas import errors, wording
from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import segmenter as segmenter_lib
from deeplab_nas.nn.network import folding, winograd
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.run import plain_path
from deeplab_nas.runtime import quiet
from deeplab_nas.serving import (
  assets,
  check_images,
  comparison,
  graph_ops,
  names,
  signatures,
  tflite,
  versions,
  warmup,
)
from deeplab_nas.space import cost as cost_lib


@dataclasses.dataclass(frozen=True)
class ExportOptions:
  """How a network is served.

  Attributes:
    image_scale: Resizes images before all else, as the training did.
    scales: Further resizes, whose probabilities are averaged.
    flip: Whether to average with the mirrored image's.
    outputs: Of `names.OUTPUTS`; `classes` is always among them.
    warmup_size: (height, width) of the warm-up image; None for the largest
      known image of the dataset.
    tflite_size: (height, width) of a TFLite model; None for no such model.
    winograd: Whether the decoder takes fewer multiplications, see
      `deeplab_nas.nn.network.winograd`; None to let this machine decide.
  """

  image_scale: float = 1.0
  scales: tuple[float, ...] = (1.0,)
  flip: bool = False
  outputs: tuple[str, ...] = (names.CLASSES,)
  warmup_size: tuple[int, int] | None = None
  tflite_size: tuple[int, int] | None = None
  winograd: bool | None = None

  def __post_init__(self):
    object.__setattr__(self, 'scales', tuple(self.scales))
    outputs = names.check_outputs(self.outputs)
    object.__setattr__(self, 'outputs', outputs)
    for scale in (self.image_scale, *self.scales):
      errors.require(
        0 < scale < float('inf'), f'The scale {scale} is not above 0.'
      )
    errors.require(bool(self.scales), 'There is no scale: give at least 1.')

  def segmenter(
    self, network: network_lib.DerivedNetwork
  ) -> segmenter_lib.Segmenter:
    return segmenter_lib.Segmenter(
      network, self.image_scale, self.scales, self.flip
    )


@dataclasses.dataclass(frozen=True)
class ExportResult:
  """What was written.

  Attributes:
    path: Folder of the version.
    comparison: The reloaded model against the one in memory.
    tflite: The TFLite model's file, or None.
    tflite_comparison: It against the model in memory, or None.
    cost: What the network costs for one image of the size of the warm-up's,
      part by part, or None.
  """

  path: pathlib.Path
  comparison: comparison.Comparison
  tflite: pathlib.Path | None = None
  tflite_comparison: comparison.Comparison | None = None
  cost: str | None = None


def export(
  network: network_lib.DerivedNetwork,
  info: dataset_info.DatasetInfo,
  base_dir: str | os.PathLike,
  options: ExportOptions | None = None,
  config_yaml: str | None = None,
  images: Sequence[np.ndarray] | None = None,
) -> ExportResult:
  """Exports the next version of a model.

  Args:
    network: With batch norm; it stays as it is.
    info: Classes of the logits.
    base_dir: Holds the versions; made if missing.
    options: How to serve.
    config_yaml: Settings of the run, to travel inside.
    images: uint8 [H, W, 3] each, to compare on; None for drawn ones.

  Raises:
    UserError: If the model reloaded is another one, or cannot be served.
  """
  options = options or ExportOptions()
  errors.require(
    network.num_classes == info.num_classes,
    f'The network has {network.num_classes} classes, the dataset'
    f' {info.name} has {info.num_classes}: they must be the same.',
  )
  images = check_images.synthetic() if images is None else images
  errors.require(bool(images), 'There is no image to compare the models on.')
  logging.info('Folding batch norm and writing the model.')
  reference = options.segmenter(network)
  is_fast = winograd.pays() if options.winograd is None else options.winograd
  folded = folding.fold(network, winograd_decoder=is_fast)
  folding.freeze_small(folded)
  with versions.staging(base_dir) as stage:
    _write(stage.path, options.segmenter(folded), info, options, config_yaml)
    compared = _check(stage.path, reference, images)
    tflite_comparison = None
    if options.tflite_size:
      logging.info('Converting to TFLite.')
      tflite_comparison = tflite.export(
        options.segmenter(folding.fold(network)),
        reference,
        stage.path / tflite.FILE,
        options.tflite_size,
      )
    path = stage.publish()
  tflite_path = path / tflite.FILE if options.tflite_size else None
  return ExportResult(
    path,
    compared,
    tflite_path,
    tflite_comparison,
    _cost(network, _size(options, info), options.image_scale),
  )


def _size(
  options: ExportOptions, info: dataset_info.DatasetInfo
) -> tuple[int, int]:
  """(height, width) of an image as requests will have it."""
  return options.warmup_size or check_images.typical_size(info)


def _cost(
  network: network_lib.DerivedNetwork, size: tuple[int, int], scale: float
) -> str:
  """Of the network for one image, before batch norm is folded."""
  height, width = (max(round(scale * side), 1) for side in size)
  model = network.cost_model((height, width))
  whole, shares = cost_lib.format_cost(model, network.genotype)
  return f'At {height} x {width} pixels {whole};\n  {shares}.'


def _write(
  folder: pathlib.Path,
  segmenter: segmenter_lib.Segmenter,
  info: dataset_info.DatasetInfo,
  options: ExportOptions,
  config_yaml: str | None,
) -> None:
  network = segmenter.network
  model = signatures.ServedModel(
    segmenter, network.num_classes, options.outputs
  )
  functions = model.functions()
  with quiet.no_notes():
    tf.saved_model.save(
      model, os.fspath(plain_path.of_folder(folder)), functions
    )
  assets.write(folder, info, network.genotype, config_yaml)
  warmup.write(folder, list(functions), _size(options, info), names.MODEL)


def _check(
  folder: pathlib.Path,
  reference: segmenter_lib.Segmenter,
  images: Sequence[np.ndarray],
) -> comparison.Comparison:
  """Loads what was written and lets it show that it is the same model."""
  logging.info(
    'Loading it again; comparing on %s.',
    wording.counted(len(images), 'image'),
  )
  graph_ops.require_servable(graph_ops.names(folder))
  loaded = tf.saved_model.load(os.fspath(plain_path.of_folder(folder)))
  compared = comparison.compare(reference.probabilities, loaded, images)
  compared.require_equality()
  warmup.replay(folder, loaded)
  return compared

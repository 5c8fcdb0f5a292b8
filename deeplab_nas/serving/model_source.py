"""A model to predict with, from a training's run folder or from an export."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import tensorflow as tf

from deeplab_nas import commands, errors
from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import segmenter as segmenter_lib
from deeplab_nas.nn.network import folding, winograd
from deeplab_nas.run import directory as run_directory
from deeplab_nas.serving import saved_model
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.train import restore


class Model(Protocol):
  """What predicts; `saved_model.SavedModel` is one, `TrainedModel` another.

  Attributes:
    info: Class names, palette and ignore label.
    genotype: The architecture.
  """

  info: dataset_info.DatasetInfo
  genotype: genotype_lib.Genotype

  def classes(self, images: np.ndarray) -> np.ndarray:
    """The most probable classes, uint8 [B, H, W], of uint8 [B, H, W, 3]."""

  def probabilities(self, images: np.ndarray) -> np.ndarray:
    """Probabilities float32 [B, H, W, C] of uint8 [B, H, W, 3]."""


class TrainedModel:
  """A network of a run folder, which computes what its export would.

  Attributes:
    info: Class names, palette and ignore label.
    genotype: The architecture.
  """

  def __init__(
    self,
    source: restore.Trained,
    scales: Sequence[float] = (1.0,),
    flip: bool = False,
  ):
    self.info = source.info
    self.genotype = source.genotype
    segmenter = segmenter_lib.Segmenter(
      folding.fold(source.network, winograd_decoder=winograd.pays()),
      source.config.data.image_scale,
      scales,
      flip,
    )
    signature = [tf.TensorSpec([None, None, None, 3], tf.uint8)]
    self._classes, self._probabilities = (
      tf.function(method, input_signature=signature, autograph=False)
      for method in (segmenter.classes, segmenter.probabilities)
    )

  def classes(self, images: np.ndarray) -> np.ndarray:
    """See `Model`."""
    return self._classes(images).numpy()

  def probabilities(self, images: np.ndarray) -> np.ndarray:
    """See `Model`."""
    return self._probabilities(images).numpy()


def load(
  path: str | os.PathLike[str],
  checkpoint: str = restore.BEST,
  scales: Sequence[float] = (1.0,),
  flip: bool = False,
) -> Model:
  """Loads a model.

  Args:
    path: Run folder of a training, or folder of an export.
    checkpoint: 'best' or 'last', of a run folder.
    scales: Image sizes whose probabilities are averaged; an export has its own.
    flip: Whether the mirrored image is averaged in; an export has its own.

  Raises:
    UserError: If there is neither, or an export is asked for other scales.
  """
  if not pathlib.Path(path).is_dir():
    raise errors.UserError(
      f'{path} is no folder: give the run folder of a training or the'
      ' folder of an export.'
    )
  if run_directory.RunDirectory(path).is_started:
    return TrainedModel(restore.load(path, checkpoint), scales, flip)
  if tuple(scales) != (1.0,) or flip or checkpoint != restore.BEST:
    raise errors.UserError(
      f'{path} is an export, which has its checkpoint, scales and flip'
      f' inside: choose them with {commands.name("export")}.'
    )
  return saved_model.load(path)

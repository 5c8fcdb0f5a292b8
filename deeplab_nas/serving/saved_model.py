"""An exported model in Python, as prediction and evaluation use it.

model = load('models/deeplab_nas')        # the newest version, or one of them
model.classes(images)                     # uint8 [B, H, W]
model.classes_of_bytes([file_contents])   # a list of uint8 [H, W]
model.info.class_names
"""

from __future__ import annotations

import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas import commands, errors
from deeplab_nas.data import dataset_info
from deeplab_nas.run import plain_path
from deeplab_nas.serving import assets, error_text, names, versions


class SavedModel:
  """A loaded export.

  Attributes:
    path: Folder of the version.
    info: Class names, palette and ignore label.
    genotype: The architecture.
  """

  def __init__(
    self,
    path: pathlib.Path,
    info: dataset_info.DatasetInfo,
    loaded: tf.Module,
  ):
    self.path = path
    self.info = info
    self.genotype = assets.read_genotype(path)
    self._loaded = loaded
    self._of_images = loaded.signatures[names.DEFAULT_SIGNATURE]
    self._of_bytes = loaded.signatures[names.BYTES_SIGNATURE]

  def classes(self, images: np.ndarray | tf.Tensor) -> np.ndarray:
    """The most probable classes, uint8 [B, H, W], of uint8 [B, H, W, 3]."""
    return self._of_images(images=_checked(images))[names.CLASSES].numpy()

  def probabilities(self, images: np.ndarray | tf.Tensor) -> np.ndarray:
    """float32 [B, H, W, C] of uint8 [B, H, W, 3]; no output has to be it."""
    return self._loaded.probabilities(_checked(images)).numpy()

  def classes_of_bytes(self, contents: Sequence[bytes]) -> list[np.ndarray]:
    """Segments JPEG or PNG files, each at its own size.

    Raises:
      UserError: If one cannot be decoded.
    """
    try:
      found = self._of_bytes(image_bytes=tf.constant(contents, tf.string))
    except tf.errors.InvalidArgumentError as error:
      raise errors.UserError(
        f'An image cannot be decoded ({error_text.reason(error.message)}):'
        ' give JPEG or PNG files.'
      ) from error
    return [
      mask[:height, :width]
      for mask, (height, width) in zip(
        found[names.CLASSES].numpy(), found[names.SIZES].numpy()
      )
    ]


def load(path: str | os.PathLike) -> SavedModel:
  """Loads an exported model.

  Args:
    path: Folder of one version, or the one that holds the versions, of which
      the newest is meant.

  Raises:
    UserError: If there is no such model.
  """
  folder = versions.find(path)
  info = assets.read_info(folder)
  try:
    loaded = tf.saved_model.load(os.fspath(plain_path.of_folder(folder)))
  # TensorFlow raises whatever it likes on damaged files.
  except Exception as error:
    raise errors.UserError(
      f'{folder} cannot be loaded ({error_text.reason(str(error))}): export'
      ' the model again.'
    ) from error
  needed = {names.DEFAULT_SIGNATURE, names.BYTES_SIGNATURE}
  missing = sorted(needed - set(loaded.signatures))
  errors.require(
    not missing,
    f'{folder} lacks the signatures {", ".join(missing)}, so it is not a model'
    f' that {commands.name("export")} wrote.',
  )
  num_classes = loaded.probabilities.output_shapes[-1]
  errors.require(
    num_classes == info.num_classes,
    f'{folder} has {num_classes} classes, but its {assets.CLASSES} has'
    f' {info.num_classes}: export the model again.',
  )
  return SavedModel(folder, info, loaded)


def _checked(images: np.ndarray | tf.Tensor) -> tf.Tensor:
  images = tf.convert_to_tensor(images)
  if images.dtype != tf.uint8:
    raise TypeError(f'images are {images.dtype.name}, expected uint8')
  return images

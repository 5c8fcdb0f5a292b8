"""Image, label and prediction of a few fixed images, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf
from PIL import Image

from deeplab_nas.data import dataset_info, palettes

_MAX_WIDTH = 512  # pixels of one picture
_GAP = 4  # pixels between pictures

Predict = Callable[[tf.Tensor], tf.Tensor]


class SamplePredictions:
  """A few images, always the same, to look at while a network learns.

      panels = SamplePredictions(val_dataset, info, count=4)
      picture = panels.draw(searcher.predict_logits)   # uint8 [H, W, 3]

  Attributes:
    count: How many images there are.
  """

  def __init__(
    self,
    dataset: Iterable[tuple[tf.Tensor, tf.Tensor]],
    info: dataset_info.DatasetInfo,
    count: int,
  ):
    """Takes the first images of a dataset.

    Args:
      dataset: Batches of images float32 [B, H, W, 3] in [0, 255] and labels
        int32 [B, H, W].
      info: Palette and ignore label.
      count: Images to take, if there are as many.
    """
    self._info = info
    # Batches stay whole, so that their shape is one the network has seen.
    self._batches = []
    self.count = 0
    if count == 0:
      return
    for images, labels in dataset:
      self._batches.append(
        (images, labels, min(count - self.count, len(images)))
      )
      self.count += self._batches[-1][-1]
      if self.count == count:
        break

  def draw(self, predict: Predict) -> np.ndarray:
    """Paints a row of image, label and prediction for each image.

    Pixels with the ignore label are black in label and prediction.

    Args:
      predict: Gives logits [B, H, W, C] of images float32 [B, H, W, 3].

    Returns:
      uint8 [height, width, 3].
    """
    rows = []
    for images, labels, used in self._batches:
      predictions = np.asarray(predict(images)).argmax(-1)  # [B, H, W]
      batch = zip(np.asarray(images), np.asarray(labels), predictions)
      rows += [self._row(*example) for example in list(batch)[:used]]
    width = max(row.shape[1] for row in rows)
    rows = [_padded(row, width) for row in rows]
    return np.concatenate(rows)[:-_GAP]

  def _row(
    self, image: np.ndarray, label: np.ndarray, prediction: np.ndarray
  ) -> np.ndarray:
    """uint8 [H + gap, 3 * W + 2 * gap, 3] from [H, W, 3], [H, W], [H, W]."""
    ignored = label == self._info.ignore_label
    shown = [image.round().clip(0, 255).astype(np.uint8)]
    for mask in (label, prediction):
      painted = palettes.colorize(mask, self._info.palette)
      shown.append(np.where(ignored[..., np.newaxis], np.uint8(0), painted))
    shown = [_padded(_shrunk(picture), None) for picture in shown]
    return np.concatenate(shown, axis=1)[:, :-_GAP]


def _shrunk(picture: np.ndarray) -> np.ndarray:
  """The picture at most `_MAX_WIDTH` wide, without new colours."""
  height, width = picture.shape[:2]
  if width <= _MAX_WIDTH:
    return picture
  size = (_MAX_WIDTH, max(1, round(height * _MAX_WIDTH / width)))
  return np.asarray(
    Image.fromarray(picture).resize(size, Image.Resampling.NEAREST)
  )


def _padded(picture: np.ndarray, width: int | None) -> np.ndarray:
  """White to the right: up to a width and a gap below, or a gap."""
  if width is None:
    padding = ((0, 0), (0, _GAP), (0, 0))
  else:
    padding = ((0, _GAP), (0, width - picture.shape[1]), (0, 0))
  return np.pad(picture, padding, constant_values=255)

"""Image, label, prediction and error of a few fixed images, side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw

from deeplab_nas.data import dataset_info, legend, palettes

HEADS = ('image', 'label', 'prediction', 'error')
GAP = 4  # pixels between pictures
# Pixels of one picture: smaller ones are enlarged by a whole number.
_MIN_WIDTH, _MAX_WIDTH, _MAX_HEIGHT = 128, 512, 1024
_RIGHT, _WRONG, _IGNORED = (232, 232, 232), (209, 73, 91), (0, 0, 0)
_PAPER, _INK = (255, 255, 255), (31, 41, 51)

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

  def draw(self, predict: Predict, title: str = '') -> np.ndarray:
    """Paints a row of image, label, prediction and error for each image.

    Pixels with the ignore label are black in all but the image. Below is a
    legend of the classes that occur.

    Args:
      predict: Gives logits [B, H, W, C] of images float32 [B, H, W, 3].
      title: A line on top, such as the run and the epoch.

    Returns:
      uint8 [height, width, 3].
    """
    rows, labels = [], []
    for images, masks, used in self._batches:
      predictions = np.asarray(predict(images)).argmax(-1)  # [B, H, W]
      batch = zip(np.asarray(images), np.asarray(masks), predictions)
      for image, label, prediction in list(batch)[:used]:
        ignored = label == self._info.ignore_label
        rows.append(self._row(image, label, prediction, ignored))
        labels += [label[~ignored], prediction[~ignored]]
    return np.asarray(_page(rows, self._key(labels), title))

  def _row(
    self,
    image: np.ndarray,
    label: np.ndarray,
    prediction: np.ndarray,
    ignored: np.ndarray,
  ) -> list[Image.Image]:
    """Four pictures of [H, W, 3], [H, W], [H, W], [H, W]."""
    hidden = ignored[..., np.newaxis]
    shown = [image.round().clip(0, 255).astype(np.uint8)]
    for mask in (label, prediction):
      painted = palettes.colorize(mask, self._info.palette)
      shown.append(np.where(hidden, np.uint8(0), painted))
    is_wrong = (label != prediction)[..., np.newaxis]
    error = np.where(is_wrong, _WRONG, _RIGHT)
    shown.append(np.where(hidden, _IGNORED, error).astype(np.uint8))
    return [_resized(picture) for picture in shown]

  def _key(self, labels: list[np.ndarray]) -> list:
    """What the colours mean."""
    return [
      *legend.of_classes(self._info, labels),
      ('ignored', _IGNORED),
      ('right', _RIGHT),
      ('wrong', _WRONG),
    ]


def _page(rows, key, title: str) -> Image.Image:
  """Title, heads of the columns, rows of pictures, and the legend."""
  column = max(picture.width for row in rows for picture in row) + GAP
  width = len(HEADS) * column - GAP
  below = legend.draw(key, width, _PAPER, _INK)
  top = legend.LINE * (2 if title else 1)
  height = top + sum(row[0].height + GAP for row in rows) + below.height
  page = Image.new('RGB', (width, height), _PAPER)
  pen = ImageDraw.Draw(page)
  shown = legend.fitting(title, width - 4)
  pen.text((2, 1), shown, _INK, font=legend.font())
  for i, head in enumerate(HEADS):
    place = (i * column + 2, top - legend.LINE + 1)
    pen.text(place, head, _INK, font=legend.font())
  for row in rows:
    for i, picture in enumerate(row):
      page.paste(picture, (i * column, top))
    top += row[0].height + GAP
  page.paste(below, (0, top))
  return page


def _resized(picture: np.ndarray) -> Image.Image:
  """The picture at a size that can be seen, without new colours."""
  height, width = picture.shape[:2]
  times = -(-_MIN_WIDTH // width) if width < _MIN_WIDTH else 1
  times = min(times, _MAX_WIDTH / width, _MAX_HEIGHT / height)
  size = max(1, round(times * width)), max(1, round(times * height))
  return Image.fromarray(picture).resize(size, Image.Resampling.NEAREST)

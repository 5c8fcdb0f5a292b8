"""What `--config=auto` decides by: sizes, counts and class frequencies."""

from __future__ import annotations

import dataclasses
import math

from deeplab_nas import commands, errors, wording
from deeplab_nas.data import classes, dataset_info, pipeline_config

MANY, VERY_MANY = 500, 2000  # training images
_RARE = 0.05  # share of the pixels


@dataclasses.dataclass(frozen=True)
class DataFacts:
  """Of a data set, with its splits to train and to validate on.

  Attributes:
    num_images: To train on.
    num_val: To validate on.
    size: Largest (height, width) of both splits, which may be of two images.
    largest: (height, width) of the image of the most pixels.
    mean_pixels: Of an image.
    num_classes: Channels of the logits.
    shares: Of the labelled pixels, by name of each class that has any.
  """

  num_images: int
  num_val: int
  size: tuple[int, int]
  largest: tuple[int, int]
  mean_pixels: float
  num_classes: int
  shares: dict[str, float]

  @classmethod
  def from_info(
    cls, info: dataset_info.DatasetInfo, train: str, val: str
  ) -> DataFacts:
    """Counts of two splits.

    Args:
      info: The description of the data.
      train: Name of the split to train on.
      val: Name of the split to validate on; one that is missing has no images.

    Raises:
      UserError: If the training split was never counted, has no images, or has
        fewer than two classes.
    """
    if train not in info.splits:
      raise errors.UserError(
        f'--config=auto needs the counts of split {train}, and dataset.json'
        f' counts {", ".join(info.splits) or "no split"}: choose the split with'
        ' --set=data.train_split=NAME, convert the data with'
        f' {commands.name("convert")}, or take another --config.'
      )
    split = info.splits[train]
    errors.require(split.num_examples > 0, f'Split {train} has no images.')
    classes.require_several(info, train)
    val_split = info.splits.get(val)
    both = [split] + ([val_split] if val_split else [])
    sizes = [each.max_size for each in both]
    size = tuple(max(1, *sides) for sides in zip(*sizes, (1, 1)))
    largest = max(
      (each.largest_image or each.max_size for each in both), key=math.prod
    )
    pixels = dict(zip(info.class_names, split.class_pixels))
    found = classes.occurring(info, train)
    total = sum(pixels[name] for name in found)
    return cls(
      split.num_examples,
      val_split.num_examples if val_split else 0,
      size,
      largest,
      sum(map(_num_pixels, both)) / sum(each.num_examples for each in both),
      info.num_classes,
      {name: pixels[name] / total for name in found},
    )

  @property
  def padded_pixels(self) -> float:
    """At most so many has one of several images that are validated at once.

    All are padded to `size`, unless that adds too much: then they are taken one
    by one.
    """
    most = pipeline_config.MOST_PADDING * math.prod(self.largest)
    return min(math.prod(self.size), most)

  @property
  def rarest(self) -> tuple[str, float]:
    """The class of the fewest pixels, and its share."""
    name = min(self.shares, key=self.shares.get, default='')
    return name, self.shares.get(name, 1.0)

  @property
  def may_be_thin(self) -> bool:
    """Whether the rarest class has so few pixels that it may be thin, too."""
    return self.rarest[1] < _RARE

  def described(self) -> str:
    """'94 training and 24 validation images of up to 320 x 480 pixels'."""
    height, width = self.size
    return (
      f'{self.num_images} training and'
      f' {wording.counted(self.num_val, "validation image")} of up to'
      f' {height} x {width} pixels, {len(self.shares)} classes that occur'
    )


def _num_pixels(split: dataset_info.SplitInfo) -> int:
  """Of all images; at least, where pixels without labels were not counted."""
  counted = sum(split.class_pixels) + split.ignored_pixels
  return max(counted, split.num_examples * math.prod(split.min_size), 1)


def format_percent(share: float) -> str:
  """'1.5 %' of 0.015."""
  return f'{100 * share:.2g} %'

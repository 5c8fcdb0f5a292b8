"""Settings of where images come from and how they become batches."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from deeplab_nas import errors
from deeplab_nas.config import field as config_field
from deeplab_nas.data import pipeline_config

_field = config_field.field
# Whose defaults are those of the settings.
_PIPELINE = pipeline_config.PipelineConfig()


@dataclasses.dataclass(frozen=True)
class DataConfig(config_field.Section):
  """Where images come from and how they become batches.

  Attributes:
    dir: Folder of TFRecord shards, as the converters write it.
    dataset: For shards without dataset.json: 'cityscapes' or 'pascal_voc_seg'.
    train_split: Split that trains a network; in a search, its halves A and B
      train weights and architecture.
    val_split: Split that only measures; '' for none.
    crop_size: (height, width) of the training crops.
    batch_size: Images per batch, over all replicas. At least 2: batch norm
      after image pooling has one value for each image.
    image_scale: Resizes all images first; 0.5 halves height and width.
    min_scale: Smallest random scale.
    max_scale: Largest random scale.
    scale_step: Distance of the random scales; 0 for a continuous range.
    flip: Whether to mirror half of the training images.
    color_jitter: Relative change of brightness, contrast, saturation.
    shuffle_buffer: Examples among which the next one is drawn.
    cache: Whether to keep the decoded images in memory.
    max_val_images: Validates on the first so many images; null for all.
    skip_corrupt_records: How many damaged records may be left out; above 0, all
      are read and decoded once at the start.
  """

  NAME: ClassVar[str] = 'data'

  dir: str = _field('', str, is_path=True)
  dataset: str = _field('', str)
  train_split: str = _field('train', str)
  val_split: str = _field('val', str)
  crop_size: tuple[int, int] = _field(_PIPELINE.crop_size, int, low=1, length=2)
  batch_size: int = _field(_PIPELINE.batch_size, int, low=2)
  image_scale: float = _field(_PIPELINE.image_scale, float, above=0)
  min_scale: float = _field(_PIPELINE.min_scale, float, above=0)
  max_scale: float = _field(_PIPELINE.max_scale, float, above=0)
  scale_step: float = _field(_PIPELINE.scale_step, float, low=0)
  flip: bool = _field(_PIPELINE.flip, bool)
  color_jitter: float = _field(_PIPELINE.color_jitter, float, low=0, below=1)
  shuffle_buffer: int = _field(_PIPELINE.shuffle_buffer, int, low=1)
  cache: bool = _field(_PIPELINE.cache, bool)
  max_val_images: int | None = _field(None, int, low=1, optional=True)
  skip_corrupt_records: int = _field(0, int, low=0)

  def __post_init__(self):
    super().__post_init__()
    if self.min_scale > self.max_scale:
      raise errors.UserError(
        f'data.min_scale is {self.min_scale:g}, expected at most'
        f' data.max_scale, which is {self.max_scale:g}.'
      )

  def pipeline(self, seed: int | None = None) -> pipeline_config.PipelineConfig:
    """The settings of the input pipeline."""
    names = {f.name for f in dataclasses.fields(_PIPELINE)}
    values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
    shared = {name: value for name, value in values.items() if name in names}
    return pipeline_config.PipelineConfig(seed=seed, **shared)

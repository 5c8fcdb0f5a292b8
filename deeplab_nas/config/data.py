"""Settings of where images come from and how they become batches."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

from deeplab_nas import checked_fields
from deeplab_nas.data import pipeline_config

_field = checked_fields.field
_PIPELINE = {
  item.name: item for item in dataclasses.fields(pipeline_config.PipelineConfig)
}


def _pipeline_field(name: str, **narrower: Any) -> Any:
  """A setting of the pipeline: its default, and its rule or a narrower one."""
  item = _PIPELINE[name]
  rule = dataclasses.replace(item.metadata['rule'], **narrower)
  return dataclasses.field(default=item.default, metadata={'rule': rule})


@dataclasses.dataclass(frozen=True)
class DataConfig(checked_fields.Section):
  """Where images come from and how they become batches.

  Attributes:
    dir: Folder of TFRecord shards, as the converters write it.
    dataset: For shards without dataset.json: 'cityscapes' or 'pascal_voc_seg'.
    train_split: Split that trains a network; in a search, its halves A and B
      train weights and architecture.
    val_split: Split that only measures; '' for none.
    held_out_fraction: Share of the training split that is not trained on, and
      on which the run validates in place of `val_split`: that one then has seen
      no decision when it is evaluated. A hash of the names chooses.
    b_fraction: Share of half B in what is trained on, in a search. Half A
      trains weights; half B trains the architecture, or scores trials.
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
  held_out_fraction: float = _pipeline_field('held_out_fraction')
  b_fraction: float = _pipeline_field('b_fraction')
  crop_size: tuple[int, int] = _pipeline_field('crop_size')
  batch_size: int = _pipeline_field('batch_size', low=2)
  image_scale: float = _pipeline_field('image_scale')
  min_scale: float = _pipeline_field('min_scale')
  max_scale: float = _pipeline_field('max_scale')
  scale_step: float = _pipeline_field('scale_step')
  flip: bool = _pipeline_field('flip')
  color_jitter: float = _pipeline_field('color_jitter')
  shuffle_buffer: int = _pipeline_field('shuffle_buffer')
  cache: bool = _pipeline_field('cache')
  max_val_images: int | None = _field(None, int, low=1, optional=True)
  skip_corrupt_records: int = _field(0, int, low=0)

  def __post_init__(self):
    super().__post_init__()
    self.pipeline()  # refuses scales that do not ascend

  def pipeline(self, seed: int | None = None) -> pipeline_config.PipelineConfig:
    """The settings of the input pipeline."""
    shared = {name: getattr(self, name) for name in _PIPELINE if name != 'seed'}
    return pipeline_config.PipelineConfig(seed=seed, **shared)

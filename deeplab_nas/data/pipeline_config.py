"""`PipelineConfig`: the settings of the input pipeline, checked."""

from __future__ import annotations

import dataclasses

from deeplab_nas import errors


@dataclasses.dataclass(frozen=True)
class PipelineConfig:
  """How images become batches.

  Attributes:
    crop_size: (height, width) of the training crops.
    batch_size: Images per batch, over all replicas.
    min_scale: Smallest random scale.
    max_scale: Largest random scale.
    scale_step: Distance of the scales to choose from; 0 for a continuous range.
    flip: Whether to mirror half of the images.
    color_jitter: Relative change of brightness, contrast, saturation; 0 is off.
    image_scale: Resizes images and masks first, in training and evaluation;
      0.5 gives the paper's half-resolution Cityscapes.
    shuffle_buffer: Examples among which the next one is drawn.
    seed: Makes the batches repeatable; None draws a new seed per dataset.
    cache: Keeps the decoded images in memory (3 bytes a pixel, 1 more for the
      label), after `image_scale` and before augmentation.
  """

  crop_size: tuple[int, int] = (321, 321)
  batch_size: int = 2
  min_scale: float = 0.5
  max_scale: float = 2.0
  scale_step: float = 0.25
  flip: bool = True
  color_jitter: float = 0.0
  image_scale: float = 1.0
  shuffle_buffer: int = 1000
  seed: int | None = None
  cache: bool = True

  def __post_init__(self):
    errors.require(
      len(self.crop_size) == 2 and min(self.crop_size) > 0,
      f'crop_size {self.crop_size} must be a positive height and width.',
    )
    errors.require(
      self.batch_size > 0, f'batch_size {self.batch_size} must be positive.'
    )
    errors.require(
      0 < self.min_scale <= self.max_scale,
      f'min_scale {self.min_scale} to max_scale {self.max_scale} must be'
      ' positive and ascending.',
    )
    errors.require(
      self.scale_step >= 0, f'scale_step {self.scale_step} is negative.'
    )
    errors.require(
      0 <= self.color_jitter < 1,
      f'color_jitter {self.color_jitter} must be at least 0 and below 1.',
    )
    errors.require(
      self.image_scale > 0, f'image_scale {self.image_scale} is not positive.'
    )
    errors.require(
      self.shuffle_buffer > 0,
      f'shuffle_buffer {self.shuffle_buffer} must be positive.',
    )

"""`PipelineConfig`: the settings of the input pipeline, checked."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple

from deeplab_nas import checked_fields

# Validation images that, padded to one size, would have more than this many
# times their pixels are taken one by one.
MOST_PADDING = 2.0

_field = checked_fields.field


class Shares(NamedTuple):
  """How a split is divided.

  Attributes:
    held_out: Share of all examples that is held out, in [0, 1).
    b: Share of the others that half B has, in (0, 1).
  """

  held_out: float = 0.0
  b: float = 0.5


@dataclasses.dataclass(frozen=True)
class PipelineConfig(checked_fields.Section):
  """How images become batches.

  A part of the section `data` of a configuration, whose names, defaults and
  rules are these.

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
    held_out_fraction: Share of the examples, chosen by name, that training
      never sees; see `subsets`.
    b_fraction: Share of the others that half B of a search has; see `subsets`.
  """

  NAME: ClassVar[str] = 'data'

  crop_size: tuple[int, int] = _field((321, 321), int, low=1, length=2)
  batch_size: int = _field(2, int, low=1)
  min_scale: float = _field(0.5, float, above=0)
  max_scale: float = _field(2.0, float, above=0)
  scale_step: float = _field(0.25, float, low=0)
  flip: bool = _field(True, bool)
  color_jitter: float = _field(0.0, float, low=0, below=1)
  image_scale: float = _field(1.0, float, above=0)
  shuffle_buffer: int = _field(1000, int, low=1)
  seed: int | None = _field(None, int, optional=True)
  cache: bool = _field(True, bool)
  held_out_fraction: float = _field(0.0, float, low=0, below=1)
  b_fraction: float = _field(0.5, float, above=0, below=1)

  def __post_init__(self):
    super().__post_init__()
    self.require_at_most('min_scale', 'max_scale')

  @property
  def shares(self) -> Shares:
    """How the examples of a split are divided."""
    return Shares(self.held_out_fraction, self.b_fraction)

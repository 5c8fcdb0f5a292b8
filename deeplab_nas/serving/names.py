"""Names that exported models, their server and its clients agree on.

Importing them imports no TensorFlow.
"""

from __future__ import annotations

from collections.abc import Sequence

from deeplab_nas import errors

MODEL = 'deeplab_nas'  # in scripts/serving/models.config

DEFAULT_SIGNATURE = 'serving_default'
BYTES_SIGNATURE = 'serving_bytes'
PNG_SIGNATURE = 'serving_png'

IMAGES = 'images'
IMAGE_BYTES = 'image_bytes'

CLASSES = 'classes'
SIZES = 'sizes'
MASK_PNG = 'mask_png_bytes'
PROBABILITIES = 'probabilities'
OUTPUTS = (CLASSES, MASK_PNG, PROBABILITIES)


def check_outputs(outputs: Sequence[str]) -> tuple[str, ...]:
  """Outputs in the order of `OUTPUTS`; `classes` is always among them."""
  for name in outputs:
    errors.require(
      name in OUTPUTS,
      f'There is no output {name!r}: choose among {", ".join(OUTPUTS)}.',
    )
  return tuple(x for x in OUTPUTS if x in outputs or x == CLASSES)

"""Networks as they are exported."""

import numpy as np

from deeplab_nas.space import (
  latency,
  operations,
)
from deeplab_nas.timing import networks
from tests.timing.small import MODEL, SPACE


def test_a_network_answers_an_image_of_its_size():
  genotype = SPACE.random(np.random.default_rng(0))
  classes = networks.build(MODEL, genotype)()
  assert classes.shape == (1, 40, 60) and classes.dtype == np.uint8
  assert classes.max() < 3


def test_so_does_what_surrounds_it():
  found = [
    op
    for op in latency.required_operations([MODEL.layers])
    if networks.is_of_surroundings(op, MODEL.image_size)
  ]
  # Images are padded for each level that may be the coarsest.
  sizes = [(41, 61), (41, 65), (49, 65)]
  assert found == [
    operations.Operation('upsample', 1, 1, 4, 3, 3, *size) for size in sizes
  ]
  for op in found:
    classes = networks.build_surroundings(op, MODEL.image_size)()
    assert classes.shape == (1, 40, 60) and classes.dtype == np.uint8

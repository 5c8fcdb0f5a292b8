"""Pictures of a real search, as files and in TensorBoard."""

import pytest
import tensorflow as tf
from PIL import Image

from deeplab_nas.data import legend
from deeplab_nas.report import samples
from tests import fixtures

NAMES = ('alpha_beta', 'genotype', 'panels')


def test_the_files_are_pictures(finished):
  files = sorted(path.name for path in finished.run.pictures.iterdir())
  assert files == [f'{name}.png' for name in NAMES]
  for file in files:
    with Image.open(finished.run.pictures / file) as picture:
      picture.load()
      assert picture.width > 50


def test_the_panels_show_the_validation_images(finished):
  height, width = (4 * side for side in fixtures.SIZE)  # enlarged
  with Image.open(finished.run.pictures / 'panels.png') as picture:
    rows = finished.config.runtime.num_panels
    # Title, heads of the columns, and legend.
    lines = 3 * legend.LINE
    assert picture.height == rows * (height + samples.GAP) + lines
    assert picture.width == 4 * width + 3 * samples.GAP
    place = (width + samples.GAP, 2 * legend.LINE + 5)
    sky_or_road = picture.getpixel(place)
  assert sky_or_road in finished.info.palette[:2]


@pytest.mark.parametrize('name', NAMES)
def test_tensorboard_has_every_epoch(finished, name):
  (path,) = finished.run.tensorboard.glob('events.*')
  steps = [
    event.step
    for event in tf.compat.v1.train.summary_iterator(str(path))
    for value in event.summary.value
    if value.tag == f'pictures/{name}'
  ]
  assert steps == [fixtures.STEPS, 2 * fixtures.STEPS]

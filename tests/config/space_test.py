"""Settings of the space become that space."""

import pytest

from deeplab_nas import errors
from deeplab_nas.config import space as config_space
from deeplab_nas.space import primitives


@pytest.mark.parametrize('preset', primitives.PRESETS)
def test_the_space_is_the_one_described(preset):
  space = config_space.SpaceConfig(3, 2, preset, 4).build()
  assert space.lattice.num_layers == 3
  assert space.cell.num_blocks == 2
  assert space.cell.primitives == primitives.PRESETS[preset]
  assert space.filters(1) == 8
  assert space.partial_channels == 1
  assert (
    config_space.SpaceConfig(partial_channels=4).build().partial_channels == 4
  )
  assert not space.shared_kernels
  assert config_space.SpaceConfig(shared_kernels=True).build().shared_kernels


def test_the_defaults_are_the_papers_space():
  space = config_space.SpaceConfig().build()
  assert (space.lattice.num_layers, space.cell.num_blocks) == (12, 5)
  assert space.cell.primitives == primitives.PRIMITIVES
  assert (space.filter_multiplier, space.partial_channels) == (8, 1)


def test_partial_channels_divide_the_filters():
  assert config_space.SpaceConfig(partial_channels=4).build()
  with pytest.raises(errors.UserError, match='partial_channels is 3.* divisor'):
    config_space.SpaceConfig(partial_channels=3)


def test_the_stem_is_as_wide_as_asked():
  assert config_space.SpaceConfig().build().supernet_stem == (64, 64, 128)
  narrow = config_space.SpaceConfig(stem_filters=[16, 16, 32]).build()
  assert narrow.supernet_stem == (16, 16, 32)

"""Every preset is complete, loads, and has a command that exists."""

import pathlib
import shlex

import pytest

from deeplab_nas.config import config as config_lib
from deeplab_nas.config import presets
from deeplab_nas.space import supernet_cost

ROOT = pathlib.Path(__file__).parents[2]


@pytest.mark.parametrize('name', presets.PRESETS)
def test_it_builds(name):
  loaded = config_lib.load(name)
  space = loaded.space.build()
  assert space.num_architectures > 1
  assert loaded.data.pipeline().crop_size == loaded.data.crop_size


@pytest.mark.parametrize('name', presets.PRESETS)
def test_it_says_what_it_is_for(name):
  preset = presets.PRESETS[name]
  for text in (preset.description, preset.expected):
    assert text.endswith('.')
    assert len(text) > 20


@pytest.mark.parametrize('name', presets.PRESETS)
def test_its_command_runs_a_file_of_this_repository(name):
  program, script, *flags = shlex.split(presets.PRESETS[name].command)
  assert program in ('python', 'bash')
  assert (ROOT / script).is_file()
  if program == 'python':
    assert f'--config={name}' in flags


def test_the_papers_search_differs_from_the_defaults_in_the_data_only():
  paper = config_lib.load('paper_cityscapes')
  assert paper.space == config_lib.SpaceConfig()
  assert paper.search == config_lib.SearchConfig()
  assert paper.data.image_scale == 0.5


def test_the_quickstart_trains_the_architecture_too():
  search = config_lib.load('quickstart').search
  assert search.arch_start_epoch < search.epochs <= 10


def test_the_papers_training_differs_from_the_defaults_where_the_paper_does():
  paper = config_lib.load('paper_cityscapes_train')
  assert paper.train.epochs * paper.train.steps_per_epoch == 1_500_000
  assert (paper.train.learning_rate, paper.train.power) == (0.05, 0.9)
  assert paper.data.crop_size == (769, 769)
  assert paper.data.image_scale == 1
  assert paper.network.filter_multiplier == 20
  assert paper.network.aspp_rates == (12, 24, 36)


@pytest.mark.parametrize('gib', [8, 16, 24])
def test_a_search_for_an_accelerator_fills_it_and_fits(gib):
  name = f'search_{gib}gb'
  assert presets.PRESETS[name].accelerator_gib == gib

  def needed(extra_images):
    loaded = config_lib.load(name)
    return supernet_cost.SupernetCost(
      loaded.space.build(),
      19,
      loaded.data.crop_size,
      loaded.data.batch_size + extra_images,
    ).total_bytes(loaded.search.recompute)

  assert presets.smallest_for(needed(0)) == name
  assert presets.smallest_for(needed(extra_images=8)) != name


def test_what_fits_nowhere_has_no_preset():
  assert presets.smallest_for(1) == 'search_8gb'
  assert presets.smallest_for(24 * 2**30) is None

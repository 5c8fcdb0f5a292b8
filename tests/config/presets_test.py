"""Every preset is complete, loads, and has a command that exists."""

import dataclasses
import pathlib
import shlex

import numpy as np
import pytest

from deeplab_nas.config import config as config_lib
from deeplab_nas.config import presets
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import supernet_cost, widths, zoo

ROOT = pathlib.Path(__file__).parents[2]
PAPERS_WIDTHS = {
  'stem_filters': widths.STEM_FILTERS,
  'head_filters': widths.HEAD_FILTERS,
}


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


def percent_of_cells(preset, genotypes, filters=8, **widths_of_others):
  """The median share that the cells have of the multiply-adds."""
  loaded = config_lib.load(preset)
  network = dataclasses.replace(
    loaded.network, filter_multiplier=filters, **widths_of_others
  )
  model = network.cost_model(loaded.space.build(), 11, loaded.data.crop_size)
  shares = []
  for genotype in genotypes:
    parts = model.breakdown(genotype)
    total = sum(part.macs for part in parts.values())
    shares.append(parts['cells'].macs / total)
  return round(100 * np.median(shares))


@pytest.mark.parametrize(
  ('name', 'filters', 'paper', 'slim'),
  [('auto_deeplab', 8, 16, 70), ('deeplabv3', 8, 17, 72), ('found', 6, 9, 55)],
)
def test_in_slim_networks_the_cells_decide(name, filters, paper, slim):
  file = ROOT / 'g3doc/projects/camvid_genotype.json'
  genotype = (
    genotype_lib.Genotype.load(file) if name == 'found' else zoo.load(name)
  )
  percent = percent_of_cells('camvid_train', [genotype], filters)
  assert percent == slim
  percent = percent_of_cells(
    'camvid_train', [genotype], filters, **PAPERS_WIDTHS
  )
  assert percent == paper


def test_the_cells_of_the_quickstart_are_small_but_count():
  space = config_lib.load('quickstart').space.build()
  rng = np.random.default_rng(0)
  genotypes = [space.random(rng) for _ in range(50)]
  assert percent_of_cells('quickstart', genotypes) == 20
  assert percent_of_cells('quickstart', genotypes, **PAPERS_WIDTHS) == 2


@pytest.mark.parametrize('name', ['quickstart', 'camvid_small'])
def test_the_supernet_of_a_small_search_has_a_slim_stem(name):
  loaded = config_lib.load(name)
  assert loaded.space.build().stem_filters == (16, 16, 32)
  trained = config_lib.load(presets.PRESETS[name].trained_by or name)
  assert trained.network.stem_filters == (16, 16, 32)
  assert trained.network.head_filters == 64


def test_the_defaults_are_as_wide_as_the_paper():
  network = config_lib.load('paper_cityscapes_train').network
  assert network.stem_filters == (64, 64, 128)
  assert network.head_filters == 256


def test_comparisons_are_quiet_and_decide_on_a_part_of_train():
  loaded = config_lib.load('camvid_compare')
  train = loaded.train
  assert train.steps_per_epoch and train.end_learning_rate == 0
  assert train.keep == 'last' and train.ema_decay
  assert train.recalibration_batches >= 50
  assert loaded.data.held_out_fraction > 0 and loaded.data.color_jitter > 0
  genotype = zoo.load('deeplabv3')
  space = loaded.space.build()
  model = loaded.network.cost_model(space, 11, loaded.data.crop_size)
  assert model.widest(genotype, 25e6) == loaded.network.filter_multiplier
  assert percent_of_cells('camvid_compare', [genotype], 5.25) == 66

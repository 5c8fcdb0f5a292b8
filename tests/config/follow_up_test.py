"""What is trained next suits what was searched, for every preset."""

import dataclasses

import pytest

from deeplab_nas.config import auto, follow_up, presets
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info

NUM_IMAGES = 94


@pytest.fixture
def data_dir(tmp_path):
  size, pixels = (320, 480), (10_000_000, 200_000)
  split = dataset_info.SplitInfo(NUM_IMAGES, 1, size, size, pixels)
  dataset_info.DatasetInfo(
    'made',
    ('road', 'crack'),
    ((0, 0, 0), (9, 9, 9)),
    splits={'train': split, 'val': split},
  ).save(tmp_path)
  return str(tmp_path)


def flags_after(name, data_dir, *overrides):
  """What a search that was started so is followed by."""
  config = config_lib.load(name, overrides, data_dir)
  return follow_up.training_flags(config, name, overrides, 'run/config.yaml')


def loaded(flags):
  """The settings that the flags mean."""
  parts = [flag[2:].partition('=') for flag in flags]
  (name,) = [value for key, _, value in parts if key == 'config']
  (folder,) = [value for key, _, value in parts if key == 'data_dir']
  overrides = [value for key, _, value in parts if key == 'set']
  return config_lib.load(name, overrides, folder)


def renewals(config):
  """How often a training renews the statistics of batch norm."""
  per_epoch = config.train.steps_per_epoch or (
    NUM_IMAGES // config.data.batch_size
  )
  steps = config.train.epochs * per_epoch
  return steps * (1 - config.network.batch_norm_momentum)


@pytest.mark.parametrize('name', [auto.NAME, *presets.PRESETS])
def test_the_training_after_every_preset_learns_its_statistics(name, data_dir):
  config = loaded(flags_after(name, data_dir))
  assert config.data.dir == data_dir
  assert renewals(config) >= 20


@pytest.mark.parametrize(
  'name, partner',
  [
    ('quickstart', 'quickstart'),
    ('camvid_small', 'camvid_train'),
    ('paper_cityscapes', 'paper_cityscapes_train'),
    ('search_16gb', 'paper_cityscapes_train'),
    ('auto', 'auto'),
  ],
)
def test_a_preset_is_followed_by_its_partner(name, partner, data_dir):
  assert flags_after(name, data_dir)[0] == f'--config={partner}'


def test_what_the_training_has_a_use_for_is_carried_over(data_dir):
  flags = flags_after(
    'quickstart',
    data_dir,
    'search.num_trials=9',
    'search.strategy=nsga2',
    'nsga2.population_size=6',
    'space.num_blocks=3',
    'data.val_split=test',
    'network.filter_multiplier=12',
  )
  assert flags[2:] == (
    '--set=data.val_split=test',
    '--set=network.filter_multiplier=12',
  )


def test_own_settings_without_a_network_are_followed_by_auto(data_dir):
  config = config_lib.Config.from_dict(
    {
      'data': {
        'dir': data_dir,
        'train_split': 'val',
        'held_out_fraction': 0.25,
      }
    }
  )
  flags = follow_up.training_flags(config, 'mine.yaml', [], 'run/config.yaml')
  assert flags == (
    '--config=auto',
    f'--data_dir={data_dir}',
    '--set=data.train_split=val',
    '--set=data.held_out_fraction=0.25',
  )
  assert renewals(loaded(flags)) >= 20


def test_own_settings_with_a_network_are_kept(data_dir):
  config = config_lib.Config.from_dict(
    {'data': {'dir': data_dir}, 'network': {'filter_multiplier': 4}}
  )
  flags = follow_up.training_flags(config, 'mine.yaml', [], 'run/config.yaml')
  assert flags == ('--config=run/config.yaml', f'--data_dir={data_dir}')


def test_devices_are_those_of_the_search(data_dir):
  config = config_lib.load('quickstart', [], data_dir)
  runtime = dataclasses.replace(config.runtime, distribution='mirrored')
  config = dataclasses.replace(config, runtime=runtime)
  flags = follow_up.training_flags(config, 'quickstart', [], 'config.yaml')
  assert flags[-1] == '--distribution=mirrored'


def test_a_student_is_trained_by_its_teacher(data_dir):
  compression = 'search.strategy=esnac', 'train.init_from=runs/teacher'
  flags = flags_after('camvid_train', data_dir, *compression, 'esnac.share=0.3')
  assert flags[-2:] == (
    '--init_from=runs/teacher',
    '--set=train.distil_share=0.5',
  )
  assert not any('esnac' in flag for flag in flags)
  said = 'train.distil_share=0.9'
  flags = flags_after('camvid_train', data_dir, *compression, said)
  assert [x for x in flags if 'distil' in x] == [f'--set={said}']

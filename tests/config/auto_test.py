"""Settings that suit made-up data sets, and the reasons that go with them."""

import dataclasses
import re

import pytest
import yaml

from deeplab_nas import errors
from deeplab_nas.config import auto
from deeplab_nas.config import config as config_lib
from tests.config import made_info


def chosen(info, **given):
  """The whole configuration."""
  choice = auto.choose(info, given)
  merged = {name: dict(values) for name, values in choice.settings.items()}
  for section, values in given.items():
    merged.setdefault(section, {}).update(values)
  return config_lib.Config.from_dict(merged)


@pytest.fixture(params=made_info.DATA)
def info(request):
  return made_info.DATA[request.param]


def steps_of(config):
  return config.train.epochs * config.train.steps_per_epoch


@pytest.mark.parametrize(
  'given, strategy',
  [
    ({}, 'halving'),
    ({'search': {'budget': '10m'}}, 'halving'),
    ({'search': {'epochs': 24}}, 'first_order'),
    ({'space': {'filter_multiplier': 4}}, 'first_order'),
    ({'search': {'strategy': 'gdas', 'epochs': 24}}, 'gdas'),
    ({'search': {'strategy': 'random'}}, 'random'),
  ],
)
def test_the_strategy_is_one_that_reads_what_is_given(given, strategy):
  config = chosen(made_info.DATA['cracks'], **given)
  assert config.search.strategy == strategy
  assert config.search.budget_seconds() == {
    'halving': 600 if given else 1800,
    'random': 1800,
  }.get(strategy)


@pytest.mark.parametrize(
  'given, names',
  [
    (
      {'search': {'epochs': 24, 'num_trials': 5}},
      ('search.epochs', 'search.num_trials'),
    ),
    (
      {'space': {'paths': 'global'}, 'halving': {'num_initial': 3}},
      ('space.paths', 'halving.num_initial'),
    ),
  ],
)
def test_settings_of_both_kinds_of_search_are_named(given, names):
  with pytest.raises(errors.UserError, match='.*'.join(names)):
    auto.choose(made_info.DATA['cracks'], given)


def test_there_are_steps_enough_for_weights_statistics_and_alpha(info):
  config = chosen(info, search={'strategy': 'first_order'})
  assert steps_of(config) >= 800
  renewals = steps_of(config) * (1 - config.network.batch_norm_momentum)
  assert renewals >= 25
  search = config.search
  arch_epochs = search.epochs - search.arch_start_epoch
  assert arch_epochs * search.steps_per_epoch >= 250


def test_a_step_and_a_validation_fit_a_small_machine(info):
  config = chosen(info)
  height, width = config.data.crop_size
  batch = config.data.batch_size
  assert batch * height * width <= 160_000
  sides = info.splits['train'].largest_image
  pixels = sides[0] * sides[1] * config.data.image_scale**2
  assert pixels <= 2**22
  assert batch == 2 or batch * pixels * info.num_classes <= 4e8
  val = info.splits.get('val')
  if val is not None:
    seen = config.data.max_val_images or val.num_examples
    assert seen <= 4 or seen * pixels <= 8e6


def test_crops_are_grids_of_the_coarsest_stride_within_the_image(info):
  config = chosen(info)
  for side, crop in zip(info.splits['train'].max_size, config.data.crop_size):
    assert crop % 32 == 1 and crop >= 33
    assert crop <= max(33, side * config.data.image_scale + 32)
  assert max(config.network.aspp_rates) <= max(
    3, min(config.data.crop_size) / 8
  )


def test_stem_and_head_are_slim_in_both_networks(info):
  config = chosen(info, search={'strategy': 'first_order'})
  assert config.space.stem_filters == (16, 16, 32)
  assert config.network.stem_filters == (16, 16, 32)
  assert config.network.head_filters == 64


def test_a_wide_stem_and_head_take_longer():
  info = made_info.DATA['cracks']

  def minutes(**given):
    text = auto.choose(info, {'network': given}).reasons[-1]
    return int(re.search(r'about (\d+) minute', text)[1])

  assert minutes(stem_filters=(64, 64, 128), head_filters=256) > minutes()


def test_both_halves_of_the_data_get_a_batch_of_their_own_size(info):
  count = info.splits['train'].num_examples
  batch = chosen(info).data.batch_size
  assert batch == 2 or 2 * batch <= count


def test_every_setting_has_a_reason_in_one_line(info):
  choice = auto.choose(info)
  chosen_names = [reason.partition('=')[0] for reason in choice.reasons]
  for section, values in choice.settings.items():
    for name in values:
      assert chosen_names.count(f'{section}.{name}') == 1
  assert not any('\n' in reason for reason in choice.reasons)
  assert all(': ' in reason for reason in choice.reasons)


def test_the_reasons_end_with_the_time_of_both_runs(info):
  minutes = re.findall(
    r'time: the \w+ takes about (\d+) minutes?',
    '\n'.join(auto.choose(info).reasons),
  )
  search, training = map(int, minutes)
  assert 30 <= search <= 70
  assert 1 <= training <= 60


def test_equal_descriptions_give_equal_settings(info):
  assert auto.choose(info) == auto.choose(info)


@pytest.mark.parametrize('name', ['cracks', 'large cracks'])
def test_thin_classes_keep_their_scale_and_get_weight(name):
  config = chosen(made_info.DATA[name], search={'strategy': 'first_order'})
  assert config.data.image_scale == 1
  assert config.data.min_scale == 1
  assert config.train.class_weights == 'inverse'
  assert config.search.class_weights == 'inverse'
  assert config.space.num_layers == 4


def test_the_reason_says_that_a_thin_class_had_to_shrink():
  info = made_info.made(94, (3000, 4000), (0.99, 0.01))
  reasons = '\n'.join(auto.choose(info).reasons)
  assert 'data.image_scale=0.5' in reasons
  assert 'cut the images into tiles' in reasons


def test_balanced_classes_get_no_weights_and_extreme_ones_softened():
  assert chosen(made_info.DATA['wide']).train.class_weights == 'none'
  info = made_info.made(94, (320, 480), (0.999, 0.001))
  assert chosen(info).train.class_weights == 'sqrt_inverse'


def test_tall_beside_wide_images_are_used_as_either_would_be():
  mixed = chosen(made_info.DATA['panoramas, turned or not']).data
  alike = chosen(made_info.made(80, (400, 1600), (0.5, 0.5), num_val=20)).data
  assert mixed.image_scale == alike.image_scale == 1
  assert mixed.batch_size == alike.batch_size == 4
  assert mixed.cache
  # All 20 are padded, or taken one by one: at most twice 0.64 megapixels each.
  assert mixed.max_val_images == 8_000_000 // (2 * 640_000)


def test_of_an_earlier_description_the_largest_sides_count():
  info = made_info.DATA['panoramas, turned or not']
  splits = {
    name: dataclasses.replace(split, largest_image=None)
    for name, split in info.splits.items()
  }
  earlier = dataclasses.replace(info, splits=splits)
  assert chosen(earlier).data.image_scale == 0.5


def test_cityscapes_is_halved_as_in_the_paper_and_validated_in_part():
  config = chosen(made_info.DATA['cityscapes'])
  assert config.data.image_scale == 0.5
  assert config.data.max_val_images == 15
  assert not config.data.cache
  assert config.space.num_layers == 8
  assert steps_of(config) == 3000


@pytest.mark.parametrize(
  'name, memory',
  [
    ('a pixel', '1 MiB'),
    ('cracks', '56 MiB'),
    ('cityscapes', '5.8 GiB'),
  ],
)
def test_the_memory_of_the_images_is_in_a_unit_that_fits(name, memory):
  reasons = '\n'.join(auto.choose(made_info.DATA[name]).reasons)
  assert f'decoded, the images take {memory} of memory' in reasons


def test_images_smaller_than_a_stride_are_enlarged():
  assert chosen(made_info.DATA['smaller than a stride']).data.image_scale == 4
  assert chosen(made_info.DATA['six tiny images']).data.image_scale == 2


def test_narrow_images_are_not_shrunk_and_get_long_crops():
  config = chosen(made_info.DATA['wide'])
  assert config.data.image_scale == 1
  height, width = config.data.crop_size
  assert height == 65 and width > 400
  assert chosen(made_info.DATA['tall']).data.crop_size[1] == 33


def test_without_a_validation_split_nothing_is_validated():
  assert chosen(made_info.DATA['no validation']).data.val_split == ''


def test_what_is_given_stays_and_the_rest_follows_it():
  info = made_info.DATA['cracks']
  config = chosen(
    info,
    data={'image_scale': 0.5, 'batch_size': 2},
    train={'epochs': 30},
    search={'epochs': 4},
  )
  assert config.data.crop_size == (161, 257)
  assert steps_of(config) >= 1400
  assert config.search.arch_start_epoch == 2
  reasons = auto.choose(info, {'data': {'image_scale': 0.5}}).reasons
  assert 'data.image_scale=0.5: as it was set' in reasons


def test_other_splits_can_be_named():
  info = made_info.DATA['cracks']
  with pytest.raises(errors.UserError, match='dataset.json counts train, val'):
    auto.choose(info, {'data': {'train_split': 'trainval'}})
  choice = auto.choose(info, {'data': {'train_split': 'val'}})
  assert choice.reasons[0].startswith('data: 24 training')


def test_load_reads_the_data_and_logs_the_reasons(tmp_path, caplog):
  made_info.DATA['cracks'].save(tmp_path)
  caplog.set_level('INFO')
  config = config_lib.load('auto', ['data.batch_size=2'], str(tmp_path))
  assert config.name == 'auto'
  assert config.data.dir == str(tmp_path)
  assert config.data.batch_size == 2
  assert config.data.crop_size == (257, 257)
  assert 'data.image_scale=1: class class_1 has 1.5 %' in caplog.text
  assert 'data.batch_size=2: as it was set' in caplog.text
  again = config_lib.Config.from_dict(yaml.safe_load(config.to_yaml()))
  assert again == config


def test_load_asks_for_the_data_and_refuses_what_does_not_fit(tmp_path):
  with pytest.raises(errors.UserError, match='--data_dir=DIR'):
    config_lib.load('auto')
  made_info.DATA['cracks'].save(tmp_path)
  with pytest.raises(errors.UserError, match='data.batch_size is 1, expected'):
    config_lib.load('auto', ['data.batch_size=1'], str(tmp_path))

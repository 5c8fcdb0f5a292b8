"""What a genotype leaves open of its network."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas.config import train as config_train
from deeplab_nas.nn.network import options as network_options


def test_the_defaults_are_the_papers_network():
  options = network_options.NetworkOptions()
  assert options.aspp_rates == (12, 24, 36)
  assert options.norm(1e-3)(name='norm').momentum == 0.9997


def test_folded_networks_have_no_norm():
  options = network_options.NetworkOptions(fold_batch_norm=True)
  assert options.norm(1e-3) is None


@pytest.mark.parametrize(
  'settings, part',
  [
    ({'aspp_rates': 6}, 'expected a list'),
    ({'aspp_rates': (6, 0)}, r'aspp_rates is \(6, 0\), .* at least 1'),
    ({'aspp_rates': (6, 1.5)}, 'aspp_rates is .* whole number'),
    ({'aspp_rates': ()}, 'expected a list'),
    ({'low_level_stride': 0}, 'low_level_stride is 0'),
    ({'separable_head': 'yes'}, 'separable_head is .*, expected true or false'),
    ({'drop_path_keep_prob': 0}, 'drop_path_keep_prob is 0'),
    ({'batch_norm_momentum': 1}, 'batch_norm_momentum is 1'),
    ({'winograd_decoder': True}, 'is for a network with fold_batch_norm'),
  ],
)
def test_values_that_mean_nothing_are_refused(settings, part):
  with pytest.raises(ValueError, match=part):
    network_options.NetworkOptions(**settings)


def test_defaults_and_ranges_are_those_of_the_settings():
  options = network_options.NetworkOptions()
  settings = dataclasses.asdict(config_train.NetworkConfig())
  del settings['filter_multiplier']
  assert settings.items() <= dataclasses.asdict(options).items()


def test_numbers_of_numpy_and_any_list_are_taken():
  options = network_options.NetworkOptions(
    aspp_rates=np.array([6, 12]),
    low_level_stride=np.int64(8),
    drop_path_keep_prob=np.float32(0.5),
    separable_head=np.bool_(True),
  )
  assert options == network_options.NetworkOptions(
    [6, 12], True, 8, drop_path_keep_prob=0.5
  )
  assert options.aspp_rates == (6, 12)

"""What a genotype leaves open of its network."""

import pytest

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
    ({'aspp_rates': (6, 0)}, 'aspp_rates has 0'),
    ({'drop_path_keep_prob': 0}, 'drop_path_keep_prob is 0'),
    ({'batch_norm_momentum': 1}, 'batch_norm_momentum is 1'),
    ({'winograd_decoder': True}, 'is for a network with fold_batch_norm'),
  ],
)
def test_values_that_mean_nothing_are_refused(settings, part):
  with pytest.raises(ValueError, match=part):
    network_options.NetworkOptions(**settings)

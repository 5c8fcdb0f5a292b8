"""Settings of a training: DeepLab's defaults, and what they refuse."""

import pytest

from deeplab_nas import errors
from deeplab_nas.config import train as config_train


def test_the_defaults_are_deeplabs():
  train = config_train.TrainConfig()
  assert (train.learning_rate, train.end_learning_rate) == (0.05, 0)
  assert (train.power, train.momentum, train.weight_decay) == (0.9, 0.9, 4e-5)
  assert (train.slow_start_steps, train.slow_start_learning_rate) == (0, 1e-4)
  assert (train.ohem_fraction, train.label_smoothing) == (1, 0)
  assert train.class_weights == 'none'
  network = config_train.NetworkConfig()
  assert network.aspp_rates == (12, 24, 36)
  assert network.batch_norm_momentum == 0.9997
  assert config_train.EvalConfig().scales == (1.0,)


@pytest.mark.parametrize(
  'every, validated',
  [(1, [1, 2, 3, 4, 5]), (2, [2, 4, 5]), (5, [5]), (9, [5])],
)
def test_the_last_epoch_is_always_validated(every, validated):
  train = config_train.TrainConfig(epochs=5, val_every_epochs=every)
  assert train.validated_epochs() == validated


@pytest.mark.parametrize(
  'settings, sentence',
  [
    (
      {'ohem_fraction': 0},
      'train.ohem_fraction is 0, expected a number, above 0, at most 1.',
    ),
    ({'ema_decay': 1}, 'below 1, or null.'),
    ({'batch_norm': 'group'}, 'expected one of train, freeze, sync.'),
    ({'precision': 'float16'}, 'one of float32, mixed_bfloat16, mixed_float16'),
    ({'learning_rate': 1e-3, 'end_learning_rate': 1}, 'is 1, expected at most'),
    ({'keep': 'first'}, "is 'first', expected one of best, last."),
    (
      {'keep': 'last', 'early_stopping_epochs': 3},
      'train.early_stopping_epochs is 3, which waits for better scores',
    ),
    (
      {'optimizer': 'adam', 'momentum': 0.5},
      'train.momentum is 0.5, which train.optimizer=adam does not read',
    ),
  ],
)
def test_what_makes_no_training_is_refused(settings, sentence):
  with pytest.raises(errors.UserError) as caught:
    config_train.TrainConfig(**settings)
  assert sentence in str(caught.value)


def test_rates_and_scales_are_lists():
  with pytest.raises(errors.UserError, match='a list, each a whole number'):
    config_train.NetworkConfig(aspp_rates=12)
  with pytest.raises(errors.UserError, match='a list, each a number, above 0'):
    config_train.EvalConfig(scales=[])


def test_a_whole_width_is_shown_as_one_and_a_fraction_kept():
  assert repr(config_train.NetworkConfig().filter_multiplier) == '20'
  assert config_train.NetworkConfig(
    filter_multiplier=7.25
  ).filter_multiplier == (7.25)


@pytest.mark.parametrize(
  'settings, sentence',
  [
    ({'filter_multiplier': 0.5}, 'a number, at least 1'),
    ({'stem_filters': [16, 16]}, '3'),
    ({'stem_filters': [16, 0, 16]}, 'at least 1'),
    ({'head_filters': 0}, 'at least 1'),
  ],
)
def test_widths_that_make_no_network_are_refused(settings, sentence):
  with pytest.raises(errors.UserError, match=sentence):
    config_train.NetworkConfig(**settings)

"""Given settings stay, chosen ones come with their reasons."""

import pytest
import yaml

from deeplab_nas.config import choices


def test_a_chosen_setting_is_noted_with_its_reason():
  noted = choices.Choices({})
  assert noted.choose('data.batch_size', 4, 'for 94 images') == 4
  assert noted.settings == {'data': {'batch_size': 4}}
  assert noted.reasons == ['data.batch_size=4: for 94 images']


def test_a_given_setting_holds_and_is_not_chosen():
  noted = choices.Choices({'data': {'batch_size': 2}})
  assert noted.choose('data.batch_size', 4, 'for 94 images') == 2
  assert noted.settings == {}
  assert noted.reasons == ['data.batch_size=2: as it was set']


def test_what_holds_is_given_or_else_chosen_or_else_nothing():
  noted = choices.Choices({'train': {'epochs': 3}})
  noted.choose('train.epochs', 12)
  noted.choose('search.epochs', 12)
  assert noted.held('train.epochs') == 3
  assert noted.held('search.epochs') == 12
  assert noted.held('space.num_layers') is None


def test_settings_that_are_never_chosen_have_a_default():
  noted = choices.Choices({'data': {'train_split': 'trainval'}})
  assert noted.given('data.train_split', 'train') == 'trainval'
  assert noted.given('data.val_split', 'val') == 'val'
  assert noted.settings == {} and noted.reasons == []


@pytest.mark.parametrize(
  'value', [0.5, 3, True, False, None, 'none', [161, 257], (3, 6, 9), 1e-05]
)
def test_values_are_written_as_set_reads_them(value):
  text = choices.format_value(value)
  expected = list(value) if isinstance(value, tuple) else value
  read = yaml.safe_load(text)
  if isinstance(value, float):
    read = float(read)  # YAML 1.1 reads 1e-05 as text
  assert read == expected

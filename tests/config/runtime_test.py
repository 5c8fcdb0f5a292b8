"""The settings of the machine; how values are checked is in `config_test`."""

import pytest

from deeplab_nas import errors
from deeplab_nas.config import runtime as config_runtime


def test_the_defaults_are_allowed():
  config = config_runtime.RuntimeConfig()
  assert config.checkpoint_minutes > 0
  assert config_runtime.RuntimeConfig(checkpoint_minutes=None)


@pytest.mark.parametrize(
  'setting', [{'checkpoint_minutes': 0}, {'seed': -1}, {'num_panels': 1.5}]
)
def test_others_are_refused(setting):
  (name,) = setting
  with pytest.raises(errors.UserError, match=f'runtime.{name}'):
    config_runtime.RuntimeConfig(**setting)

"""Settings of strategies on shared weights."""

import pytest

from deeplab_nas import errors
from deeplab_nas.config import relaxed_strategies


@pytest.mark.parametrize('name', ['snas', 'gdas'])
def test_a_temperature_does_not_rise(name):
  section = relaxed_strategies.SECTIONS[name]
  assert section().end_temperature < section().temperature
  assert section(temperature=1, end_temperature=1).end_temperature == 1
  with pytest.raises(errors.UserError, match=f'{name}.end_temperature is 2, '):
    section(temperature=1, end_temperature=2)


def test_sections_have_the_names_of_their_strategies():
  for name, section in relaxed_strategies.SECTIONS.items():
    assert name == section.NAME and section()

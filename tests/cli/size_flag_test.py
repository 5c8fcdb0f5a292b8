"""Sizes on the command line."""

import pytest

from deeplab_nas import errors
from deeplab_nas.cli import size_flag


def test_height_comes_first():
  assert size_flag.parse('size', '360x480') == (360, 480)
  assert size_flag.parse('size', None) is None
  assert size_flag.format((360, 480)) == '360 x 480'


@pytest.mark.parametrize(
  'text', ['', '7', '0x3', '3x0', 'x', '3x', '3x4x5', '-3x4', '3.5x4', '3 x 4']
)
def test_others_are_refused_with_the_flag(text):
  with pytest.raises(errors.UserError, match=f'--size={text} is no size'):
    size_flag.parse('size', text)

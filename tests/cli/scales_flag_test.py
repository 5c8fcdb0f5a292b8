"""Scales from a command line."""

import pytest

from deeplab_nas import errors
from deeplab_nas.cli import scales_flag


def test_numbers_are_read():
  assert scales_flag.parse(['0.75', ' 1', '16']) == (0.75, 1.0, 16.0)


@pytest.mark.parametrize(
  'texts', [[], ['a'], ['1', ''], ['0'], ['-1'], ['17'], ['nan'], ['inf']]
)
def test_others_are_refused(texts):
  with pytest.raises(errors.UserError, match='numbers above 0 and at most 16'):
    scales_flag.parse(texts)

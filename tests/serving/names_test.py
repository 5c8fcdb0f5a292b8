from __future__ import annotations

import pytest

from deeplab_nas import errors
from deeplab_nas.serving import names


def test_outputs_are_on_request():
  assert names.check_outputs(()) == ('classes',)
  assert names.check_outputs(('probabilities',)) == (
    'classes',
    'probabilities',
  )
  with pytest.raises(errors.UserError, match="no output 'logits'"):
    names.check_outputs(('logits',))

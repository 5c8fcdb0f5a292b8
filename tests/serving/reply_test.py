from __future__ import annotations

import pytest

from deeplab_nas import errors
from deeplab_nas.serving import reply


@pytest.mark.parametrize(
  'error',
  [
    reply.not_there('h:1', 'refused', 'REST'),
    reply.no_serving('h:1', 'REST', 8501),
    reply.model_missing('h:1', 'm'),
    reply.too_slow('h:1', 3),
    reply.server_failed('h:1', 'reason'),
  ],
)
def test_each_is_one_sentence_about_the_server(error):
  assert isinstance(error, errors.UserError)
  assert 'h:1' in str(error)
  assert str(error)[-1] == '.' and '\n' not in str(error)

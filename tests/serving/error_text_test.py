from __future__ import annotations

import pytest

from deeplab_nas.serving import error_text


@pytest.mark.parametrize(
  'message, expected',
  [
    ('Input is empty.', 'Input is empty'),
    (
      '{{function_node __inference_f_1}} {{function_node map_body}} Invalid'
      ' PNG data, size 9\n\t [[{{node map/while/DecodeJpeg}}]] [Op:f_1]',
      'Invalid PNG data, size 9',
    ),
    (
      '2 root error(s) found.\n  (0) INVALID_ARGUMENT: Unknown image file'
      ' format.\n\t [[{{node a}}]]\n  (1) INVALID_ARGUMENT: the same',
      'Unknown image file format',
    ),
    (
      'Graph execution error:\n\nDetected at node map/while/DecodeJpeg defined'
      ' at (most recent call last):\n<stack traces unavailable>\nInput is'
      ' empty.\n\t [[{{node map/while/DecodeJpeg}}]] [Op:__inference_f_1]',
      'Input is empty',
    ),
    ('', 'no reason given'),
  ],
)
def test_only_what_happened_is_left(message, expected):
  assert error_text.reason(message) == expected

"""TensorFlow's error messages without the parts that only its authors read."""

from __future__ import annotations

import re

_NOISE = re.compile(
  r'\{\{[^{}]*\}\}'  # {{function_node __inference_...}}
  r'|\[\[.*?\]\]'  # [[{{node map/while/DecodeJpeg}}]]
  r'|\[Op:\w+\]',
  re.DOTALL,
)
# Of graphs that run in Python; a stack follows, and then what happened.
_PREFACE = 'Graph execution error'
_ROOT_ERROR = re.compile(r'\(0\)\s*[A-Za-z_ ]+: ')


def reason(message: str) -> str:
  """The first statement of a message, such as 'Input is empty'.

  Args:
    message: Of an exception, a gRPC status or a REST reply of TF Serving.
  """
  text = _NOISE.sub(' ', _NOISE.sub(' ', message))
  # 'N root error(s) found. (0) INVALID_ARGUMENT: what happened'
  text = _ROOT_ERROR.split(text, maxsplit=1)[-1]
  lines = [' '.join(line.split()) for line in text.splitlines()]
  lines = [line for line in lines if line] or ['no reason given']
  return lines[-1 if lines[0].startswith(_PREFACE) else 0].rstrip('. ')

"""TensorFlow's oneDNN kernels, asked for on every x86 processor.

TensorFlow leaves them out where the processor lacks AVX-512 or the like, as
that of many a laptop does. But on a processor they alone have gradients of
atrous and of grouped convolutions, which a search needs, and AVX2 is enough for
them.

Reference:
  https://blog.tensorflow.org/2022/05/whats-new-in-tensorflow-29.html
"""

from __future__ import annotations

import os
import platform

VARIABLE = 'TF_ENABLE_ONEDNN_OPTS'
# What to do where they are missed nevertheless.
REMEDY = f'set {VARIABLE}=1 before TensorFlow is imported'
_X86 = ('x86_64', 'amd64')


def ask_for() -> None:
  """Has TensorFlow use them, unless the user decided; before its import.

  On other processors TensorFlow decides.
  """
  if platform.machine().lower() in _X86:
    os.environ.setdefault(VARIABLE, '1')

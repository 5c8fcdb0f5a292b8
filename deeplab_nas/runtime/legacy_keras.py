"""Which Keras `tf.keras` is: version 2, whatever TensorFlow came with.

Up to TensorFlow 2.15 nothing has to be done. Later versions come with Keras 3,
and have Keras 2 in the package `tf_keras` for those who ask for it by an
environment variable, before `tf.keras` is used for the first time.

Reference:
  https://keras.io/getting_started/#tensorflow--keras-2-backwards-compatibility
"""

from __future__ import annotations

import importlib.metadata
import os
import sys

VARIABLE = 'TF_USE_LEGACY_KERAS'


def choose() -> None:
  """Makes `tf.keras` Keras 2, without importing TensorFlow.

  Raises:
    ImportError: If it is Keras 3 already, or has been asked to be.
  """
  try:
    version = importlib.metadata.version('keras')
  except importlib.metadata.PackageNotFoundError:
    return  # TensorFlow needs it; what needs no TensorFlow works.
  if version.startswith('2.'):
    return
  if os.environ.setdefault(VARIABLE, '1') not in ('1', 'true', 'True'):
    raise ImportError(
      f'deeplab_nas needs Keras 2, but {VARIABLE} is'
      f' {os.environ[VARIABLE]!r}: set it to 1, or leave it unset.'
    )
  tensorflow = sys.modules.get('tensorflow')
  # Only Keras 3 has this function, as tf.keras.version.
  if hasattr(getattr(tensorflow, 'keras', None), 'version'):
    raise ImportError(
      'deeplab_nas needs Keras 2, but tf.keras is Keras 3 already: import'
      f' deeplab_nas before tf.keras is used, or set {VARIABLE}=1.'
    )

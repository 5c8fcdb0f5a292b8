"""`--genotype`: a file, or a name of the zoo; without TensorFlow."""

from __future__ import annotations

import os

from deeplab_nas import errors
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import zoo

_ZOO = 'zoo:'


def read(source: str | os.PathLike[str]) -> genotype_lib.Genotype:
  """The genotype of 'zoo:NAME' or of a file.

  Raises:
    UserError: If there is none.
  """
  text = os.fspath(source)
  try:
    if text.startswith(_ZOO):
      return zoo.load(text[len(_ZOO) :])
    return genotype_lib.Genotype.load(text)
  except ValueError as error:
    raise errors.UserError(
      f'The genotype {text} cannot be used: {error}.'
    ) from error

"""Where genotypes come from: files, runs, the zoo; without TensorFlow."""

from __future__ import annotations

import os

from deeplab_nas import errors, paths
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import zoo

_ZOO = 'zoo:'


def read(source: str | os.PathLike[str]) -> genotype_lib.Genotype:
  """The genotype of 'zoo:NAME', of a file or of the folder of a run.

  Raises:
    UserError: If there is none.
  """
  text = os.fspath(source)
  try:
    if text.startswith(_ZOO):
      return zoo.load(text[len(_ZOO) :])
    return genotype_lib.Genotype.load(text)
  except ValueError as error:
    hint = f'; the zoo has {_ZOO}{text}' if text in zoo.names() else ''
    raise errors.UserError(
      f'The genotype {text} cannot be used: {error}{hint}.'
    ) from error


def find(source: str | os.PathLike[str]) -> genotype_lib.Genotype:
  """The genotype that a text stands for in Python.

  Args:
    source: A name of the zoo, with or without 'zoo:'; a genotype file; or the
      folder of a run, which holds one.

  Raises:
    ValueError: If there is none; says what there is.
  """
  text = os.fspath(source)
  if text.startswith(_ZOO):
    return zoo.load(text[len(_ZOO) :])
  if text in zoo.names():
    return zoo.load(text)
  try:
    text = paths.expand(text)
  except paths.Refused as reason:
    raise ValueError(f'{text} is refused: {reason}') from reason
  if os.path.exists(text) or os.path.dirname(text) or text.endswith('.json'):
    return genotype_lib.Genotype.load(text)
  return zoo.load(text)

"""Files that travel inside an exported model, in `assets/`.

classes.json     names, palette, ignore label (a `dataset.json`)
genotype.json    the architecture
config.yaml      settings of the run, where there was one
"""

from __future__ import annotations

import dataclasses
import os
import pathlib

from deeplab_nas import commands, errors
from deeplab_nas.data import dataset_info
from deeplab_nas.space import genotype as genotype_lib

FOLDER = 'assets'
CLASSES = 'classes.json'
GENOTYPE = 'genotype.json'
CONFIG = 'config.yaml'


def write(
  version_dir: str | os.PathLike,
  info: dataset_info.DatasetInfo,
  genotype: genotype_lib.Genotype,
  config_yaml: str | None,
) -> None:
  """Writes the files into a SavedModel's folder."""
  folder = pathlib.Path(version_dir) / FOLDER
  folder.mkdir(exist_ok=True)
  # Whoever serves the model needs no counts of the training data.
  dataclasses.replace(info, splits={}).save(folder / CLASSES)
  genotype.save(folder / GENOTYPE)
  if config_yaml is not None:
    (folder / CONFIG).write_text(config_yaml, encoding='utf-8')


def read_info(version_dir: str | os.PathLike) -> dataset_info.DatasetInfo:
  """Class names, palette and ignore label of an exported model."""
  path = pathlib.Path(version_dir) / FOLDER / CLASSES
  errors.require(
    path.is_file(),
    f'{version_dir} is a SavedModel without {FOLDER}/{CLASSES}, so not one'
    f' that {commands.name("export")} wrote.',
  )
  return dataset_info.DatasetInfo.load(path)


def read_genotype(version_dir: str | os.PathLike) -> genotype_lib.Genotype:
  """The architecture of an exported model."""
  path = pathlib.Path(version_dir) / FOLDER / GENOTYPE
  try:
    return genotype_lib.Genotype.load(path)
  except ValueError as error:
    raise errors.UserError(f'{error}: export the model again.') from error

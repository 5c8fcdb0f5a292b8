"""A training from whose network another one learns; needs no TensorFlow."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import classes, dataset_info
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import genotype_source

# What may differ between networks of which one inherits the other's weights.
_FREE = ('filter_multiplier', 'drop_path_keep_prob', 'batch_norm_momentum')
# What a student may have less of.
_NARROWER = ('stem_filters', 'head_filters')


@dataclasses.dataclass(frozen=True)
class Teacher:
  """What a student has to know of its teacher, besides the weights.

  Attributes:
    folder: Of its run.
    genotype: Its architecture.
    network: Settings of its network.
  """

  folder: str
  genotype: genotype_lib.Genotype
  network: config_lib.NetworkConfig

  def wide(self, student: config_lib.NetworkConfig) -> config_lib.NetworkConfig:
    """The settings of a student's network, as wide as the teacher's."""
    theirs = self.network
    return dataclasses.replace(
      student,
      filter_multiplier=theirs.filter_multiplier,
      stem_filters=theirs.stem_filters,
      head_filters=theirs.head_filters,
    )

  def require_fits(self, student: genotype_lib.Genotype) -> None:
    """Raises a UserError unless a genotype can inherit the weights."""
    for word in ('layers', 'blocks'):
      ours, theirs = (
        getattr(g, f'num_{word}') for g in (student, self.genotype)
      )
      errors.require(
        ours == theirs,
        f'The architecture has {ours} {word}, but that of {self.folder} has'
        f' {theirs}, so that it cannot inherit its weights: train another one,'
        ' or set train.distil_share to 0.',
      )


def read(
  folder: str | os.PathLike[str],
  network: config_lib.NetworkConfig,
  info: dataset_info.DatasetInfo,
) -> Teacher:
  """Reads what is known of a teacher.

  Args:
    folder: Of its run.
    network: Settings of the student's network.
    info: Classes that the student is for.

  Raises:
    UserError: If this is no training that has weights, or it is of other
      classes, or its network has a stem or a head that a student of these
      settings cannot inherit.
  """
  errors.require(
    bool(folder),
    'Say which trained network is the teacher with --init_from=RUN, the run'
    ' folder of its training.',
  )
  run = run_directory.RunDirectory(folder)
  continuation.check_is_training(run)
  errors.require(
    run.has_best,
    f'{run} has no checkpoint in {run.best.name}/: a teacher is a training that'
    ' has finished an epoch.',
  )
  then = dataset_info.DatasetInfo.load(run.dataset)
  changed = classes.difference(info, then)
  errors.require(
    not changed or classes.is_of_colours_alone(info, then),
    f'{run} was trained on other classes: {changed}. Give a teacher of the same'
    ' classes.',
  )
  theirs = config_lib.load(os.fspath(run.config)).network
  _require_same(network, theirs, run)
  return Teacher(os.fspath(folder), genotype_source.read(run.genotype), theirs)


def _require_same(
  ours: config_lib.NetworkConfig,
  theirs: config_lib.NetworkConfig,
  run: run_directory.RunDirectory,
) -> None:
  """Refuses other stems and heads that are not narrower, with what to set."""
  wanted = {
    field.name: getattr(theirs, field.name)
    for field in dataclasses.fields(theirs)
    if field.name not in _FREE
  }
  flags = [
    f'--set=network.{name}={list(x) if isinstance(x, tuple) else x}'
    for name, x in wanted.items()
    if getattr(ours, name) != x and not _is_narrower(ours, theirs, name)
  ]
  errors.require(
    not flags,
    f'The network of {run} has another stem or head, and a student may have'
    ' fewer filters there, but nothing else of its own: add'
    f' {" ".join(flag.replace(" ", "") for flag in flags)}.',
  )


def _is_narrower(
  ours: config_lib.NetworkConfig, theirs: config_lib.NetworkConfig, name: str
) -> bool:
  """Whether it is a number of filters, and ours is no larger."""
  if name not in _NARROWER:
    return False
  pairs = zip(*(np.atleast_1d(getattr(x, name)) for x in (ours, theirs)))
  return all(a <= b for a, b in pairs)

"""Weights of another training, wherever name and shape agree."""

from __future__ import annotations

import dataclasses
import os
import pathlib

import tensorflow as tf
from absl import logging

from deeplab_nas import commands, errors
from deeplab_nas.data import classes, dataset_info
from deeplab_nas.run import checkpoints, plain_path
from deeplab_nas.run import directory as run_directory
from deeplab_nas.train import variable_paths

_SHOWN = 10  # skipped variables in the text
_NO_WEIGHT = 'drop_path_progress'


@dataclasses.dataclass(frozen=True)
class Report:
  """What was loaded.

  Attributes:
    loaded: Paths of the variables that have new values.
    skipped: Why each of the others has not, by path.
    unused: Paths of the checkpoint that the network does not have.
  """

  loaded: tuple[str, ...]
  skipped: dict[str, str]
  unused: tuple[str, ...]

  def to_text(self) -> str:
    """'Loaded 412 variables, skipped 2: ...'."""
    parts = [f'{path} {reason}' for path, reason in self.skipped.items()]
    parts = parts[:_SHOWN] + ['...'] * (len(parts) > _SHOWN)
    text = f'Loaded {len(self.loaded)} variables, skipped {len(self.skipped)}'
    if parts:
      text += f': {", ".join(parts)}'
    if self.unused:
      text += f'; {len(self.unused)} of the checkpoint were of no use'
    return f'{text}.'


def load(
  network: tf.Module,
  source: str | os.PathLike[str],
  info: dataset_info.DatasetInfo | None = None,
) -> Report:
  """Gives the network the values of a checkpoint, and logs which.

  Args:
    network: Has its variables.
    source: Run folder of a training, of which the best weights are taken, or
      the prefix of a checkpoint.
    info: Classes that the network is for; those of a run folder are compared
      with them.

  Raises:
    UserError: If there is no checkpoint, or nothing in it fits.
  """
  prefix = _prefix(pathlib.Path(source))
  try:
    values, report = _match(network, prefix)
  except checkpoints.UNREADABLE as error:
    raise errors.UserError(
      f'The checkpoint {prefix} is damaged ({checkpoints.first_line(error)}):'
      ' restore it from a copy, or give another to --init_from.'
    ) from error
  if not report.loaded:
    raise errors.UserError(
      f'No variable of {prefix} has the name and the shape of one of this'
      ' network: it is of another architecture or width.'
    )
  for variable, value in values:
    variable.assign(value)
  logging.info('%s: %s', prefix, report.to_text())
  if info is not None:
    _warn_of_classes(pathlib.Path(source), info)
  return report


def _warn_of_classes(
  source: pathlib.Path, info: dataset_info.DatasetInfo
) -> None:
  """Says what became of the last layer if the classes are not the same."""
  folders = (source, source.parent, source.parent.parent)  # of a checkpoint
  paths = [run_directory.RunDirectory(folder).dataset for folder in folders]
  path = next((path for path in paths if path.is_file()), None)
  if path is None:
    return
  then = dataset_info.DatasetInfo.load(path)
  changed = classes.difference(info, then)
  if changed and not classes.is_of_colours_alone(info, then):
    taken = (
      'the last layer is taken too, and relearns which class is which'
      if info.num_classes == then.num_classes
      else 'all is taken but the last layer, which begins anew'
    )
    logging.warning(
      '%s was trained on other classes: %s. Of its weights %s.',
      source,
      changed,
      taken,
    )


def _match(
  network: tf.Module, prefix: str
) -> tuple[list[tuple[tf.Variable, tf.Tensor]], Report]:
  """All values that fit, read before any is assigned; and what is said."""
  reader = tf.train.load_checkpoint(plain_path.of_prefix(prefix))
  keys = reader.get_variable_to_shape_map()
  if not any('.ATTRIBUTES' in key for key in keys):
    raise errors.UserError(
      f'The checkpoint {prefix} is of TensorFlow 1: make a run folder of it'
      f' with {commands.name("import-tf1")}, and give that.'
    )
  stored = variable_paths.in_checkpoint(prefix)
  variables = variable_paths.by_path(network)
  variables.pop(_NO_WEIGHT, None)
  values, loaded, skipped = [], [], {}
  for path, variable in variables.items():
    if path not in stored:
      skipped[path] = 'is not in the checkpoint'
      continue
    key, shape = stored.pop(path)
    if shape != tuple(variable.shape):
      skipped[path] = f'{shape} -> {tuple(variable.shape)}'
      continue
    value = tf.cast(reader.get_tensor(key), variable.dtype)
    values.append((variable, value))
    loaded.append(path)
  stored.pop(_NO_WEIGHT, None)
  return values, Report(tuple(loaded), skipped, tuple(stored))


def _prefix(source: pathlib.Path) -> str:
  """The checkpoint that is meant."""
  if source.is_dir():
    run = run_directory.RunDirectory(source)
    for folder in (run.best, run.checkpoints, source):
      prefix = checkpoints.latest(folder)
      if prefix is not None:
        return prefix
    raise errors.UserError(
      f'--init_from={source} has no checkpoint in {run.best.name}/ or'
      f' {run.checkpoints.name}/: give the run folder of a training, or the'
      ' prefix of a checkpoint.'
    )
  prefix = str(source.with_suffix('')) if source.suffix == '.index' else source
  if not pathlib.Path(f'{prefix}.index').is_file():
    raise errors.UserError(
      f'--init_from={source} is neither a folder nor the prefix of a'
      f' checkpoint: there is no {prefix}.index.'
    )
  return str(prefix)

"""Searching, training and what follows, as functions to call from Python.

    import deeplab_nas

    deeplab_nas.convert('my_data', 'records')
    found = deeplab_nas.search('auto', 'runs/search', data_dir='records')
    found.genotype                             # a notebook draws it
    trained = deeplab_nas.train(
      'auto', 'runs/train', data_dir='records', genotype=found
    )
    model = trained.load()
    mask = model.predict('photo.jpg')          # uint8 [H, W]

They do what the commands of the same names do, with the same folders.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, Union

import numpy as np
from absl import logging

from deeplab_nas import errors, paths
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import config_like
from deeplab_nas.config import train as config_train
from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import scores
from deeplab_nas.report import metrics_log
from deeplab_nas.run import continuation, lifecycle, stop_signals
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import console, tensorflow_setup
from deeplab_nas.search import next_training
from deeplab_nas.search.trials.compression import stem_and_head
from deeplab_nas.serving import check_images, model_source
from deeplab_nas.serving import export as export_lib
from deeplab_nas.serving import predictor as predictor_lib
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import genotype_source
from deeplab_nas.train import restore

PathLike = Union[str, 'os.PathLike[str]']
ConfigLike = config_like.ConfigLike


@dataclasses.dataclass(frozen=True)
class Run:
  """A finished search or training; wherever a folder is asked for, it is one.

  Attributes:
    path: Its folder.
  """

  path: pathlib.Path

  def __fspath__(self) -> str:
    return os.fspath(self.path)

  def __str__(self) -> str:
    return self.summary

  @property
  def genotype(self) -> genotype_lib.Genotype:
    """The architecture that was found, or trained."""
    return genotype_source.read(self._directory.genotype)

  @property
  def metrics(self) -> list[dict[str, Any]]:
    """The numbers of each epoch."""
    return metrics_log.read(self._directory)

  @property
  def summary(self) -> str:
    """What was found, as text."""
    return self._directory.summary.read_text('utf-8')

  def load(self, checkpoint: str = restore.BEST) -> predictor_lib.Predictor:
    """The trained network, to predict with; see `load`."""
    return load(self, checkpoint)

  @property
  def _directory(self) -> run_directory.RunDirectory:
    return run_directory.RunDirectory(self.path)


def convert(
  data_dir: PathLike,
  output_dir: PathLike,
  labels: PathLike | Sequence[str] | Mapping[str, Any] | None = None,
  mask_suffix: str = '',
  mapping: str | Mapping[Any, Any] = '',
  workers: int = 1,
  overwrite: bool = False,
) -> dataset_info.DatasetInfo:
  """Converts a folder of images and masks, of any layout that is known.

  Args:
    data_dir: The folder.
    output_dir: Folder for the records.
    labels: Labels file; or the classes: their names in the order of the mask
      values, or {'sky': (0, 0, 255), ...}; None for the file of the folder.
    mask_suffix: What names of masks have behind those of their images.
    mapping: As `--map` of the commands, such as '255:1,7:ignore', or
      {255: 1, 7: 'ignore'}.
    workers: Processes; more than one need `if __name__ == '__main__':` in the
      program that calls this.
    overwrite: Whether records of another data set may be replaced.

  Returns:
    Classes and counts, as dataset.json has them.

  Raises:
    UserError: With a sentence for each problem; nothing is written then.
  """
  from deeplab_nas.data import conversion, layouts

  if isinstance(mapping, Mapping):
    mapping = ','.join(f'{value}:{to}' for value, to in mapping.items())
  source = layouts.detect(
    paths.expand_given(data_dir),
    paths.expand_given(labels)
    if isinstance(labels, (str, os.PathLike))
    else labels,
    mask_suffix,
    layouts.MaskOptions(mapping),
  )
  output = conversion.Output(
    paths.expand_given(output_dir), workers=workers, overwrite=overwrite
  )
  return conversion.convert(source, output)


def search(
  config: ConfigLike,
  run_dir: PathLike,
  data_dir: PathLike | None = None,
  *,
  resume: bool = False,
  overwrite: bool = False,
) -> Run:
  """Searches for an architecture.

  Args:
    config: A preset's name or 'auto', a YAML file, nested settings, a `Config`.
    run_dir: Folder for all that the search writes.
    data_dir: Folder of the records; None for that of the config.
    resume: Whether to go on with the search that is there.
    overwrite: Whether to replace it.

  Raises:
    UserError: If a setting, the data or the folder does not fit.
  """
  config = config_like.resolve(config, data_dir)
  with _started(config, run_dir, 'search', resume, overwrite) as (run, found):
    from deeplab_nas.search import run as search_run

    search_run.run(found, run, resume)
  return Run(run.path)


def train(
  config: ConfigLike,
  run_dir: PathLike,
  data_dir: PathLike | None = None,
  *,
  genotype: genotype_lib.Genotype | PathLike,
  init_from: PathLike | None = None,
  resume: bool = False,
  overwrite: bool = False,
) -> Run:
  """Trains the network of a genotype.

  Args:
    config: As in `search`.
    run_dir: Folder for all that the training writes.
    data_dir: As in `search`.
    genotype: The architecture: a genotype, its file, the run that found it, or
      a name of the zoo. What a search by trials found is as wide as it was
      tried, unless a `Config` or nested settings say otherwise.
    init_from: Run folder or checkpoint to take weights from.
    resume: Whether to go on with the training that is there.
    overwrite: Whether to replace it.

  Raises:
    UserError: If a setting, the data, the genotype or the folder does not fit.
  """
  config = config_like.resolve(config, data_dir, _width_tried(genotype, config))
  if init_from is not None:
    settings = dataclasses.replace(config.train, init_from=os.fspath(init_from))
    config = dataclasses.replace(config, train=settings)
  genotype = _genotype(genotype)
  with _started(config, run_dir, 'train', resume, overwrite) as (run, found):
    from deeplab_nas.train import train_run

    train_run.run(found, genotype, run, resume)
  return Run(run.path)


def evaluate(
  run_dir: PathLike,
  split: str | None = None,
  data_dir: PathLike | None = None,
  checkpoint: str = restore.BEST,
) -> scores.Scores:
  """Measures a trained network on every image of a split.

  Args:
    run_dir: The training.
    split: Name of the split; None for that of the validation.
    data_dir: Folder of the records; None for that of the training.
    checkpoint: 'best' or 'last'.

  Raises:
    UserError: If there is no training, or no such split with labels.
  """
  from deeplab_nas.train import eval_run

  run = run_directory.RunDirectory(paths.expand_given(run_dir))
  continuation.check_is_training(run)
  config = config_lib.load(str(run.config), ['runtime.distribution=none'])
  config = config_like.resolve(config, data_dir)
  split = split or config.eval.split or config.data.val_split
  errors.require(bool(split), 'Say what to evaluate on with split=NAME.')
  settings = dataclasses.replace(
    config.eval, split=split, checkpoint=checkpoint
  )
  config = dataclasses.replace(config, eval=settings)
  console.be_lenient()
  lifecycle.check_data(config.data, split)
  tensorflow_setup.prepare(config.runtime)
  with lifecycle.readable(config, [split]) as readable:
    found = eval_run.run(run, config, readable.data.dir)
  for sentence in found.advice:
    logging.warning(sentence)
  logging.info('Written to %s.', found.folder)
  return found.scores


def load(
  path: PathLike,
  checkpoint: str = restore.BEST,
  scales: float | Sequence[float] = (1.0,),
  flip: bool = False,
) -> predictor_lib.Predictor:
  """A trained network to predict with.

  Args:
    path: Run folder of a training, or folder of an export.
    checkpoint: 'best' or 'last', of a run folder.
    scales: Image sizes whose probabilities are averaged; an export has its own.
    flip: Whether the mirrored image is averaged in; an export has its own.

  Raises:
    UserError: If there is neither, or a scale is out of range.
  """
  scales = tuple(np.atleast_1d(scales).tolist())
  if not scales or not all(0 < x <= config_train.MAX_SCALE for x in scales):
    raise errors.UserError(
      f'scales={list(scales)} has to be numbers above 0 and at most'
      f' {config_train.MAX_SCALE:g}, such as (0.75, 1, 1.25).'
    )
  model = model_source.load(paths.expand_given(path), checkpoint, scales, flip)
  return predictor_lib.Predictor(model)


def export(
  run_dir: PathLike,
  export_dir: PathLike,
  checkpoint: str = restore.BEST,
  **options: Any,
) -> pathlib.Path:
  """Writes a trained network as a SavedModel for TensorFlow Serving.

  Args:
    run_dir: The training.
    export_dir: Holds the versions of the model.
    checkpoint: 'best' or 'last'.
    **options: Fields of `export.ExportOptions`: scales, flip, outputs, ...

  Returns:
    Folder of the new version, which `load` takes too.

  Raises:
    UserError: If there is no training, or the model reloaded is another one.
  """
  trained = restore.load(paths.expand_given(run_dir), checkpoint)
  data = trained.config.data
  settings = export_lib.ExportOptions(
    **{'image_scale': data.image_scale, **options}
  )
  return export_lib.export(
    trained.network,
    trained.info,
    paths.expand_given(export_dir),
    settings,
    trained.config.to_yaml(),
    check_images.synthetic()
    + check_images.of_split(data.dir, data.val_split, 3),
  ).path


def _width_tried(genotype, config: ConfigLike) -> float | None:
  """F of a search's trials, where the settings do not say how wide it is."""
  is_path = isinstance(genotype, (str, os.PathLike))
  if not is_path or config_like.names_width(config):
    return None
  return next_training.width(paths.expand_given(genotype))


def _genotype(source) -> genotype_lib.Genotype:
  if isinstance(source, genotype_lib.Genotype):
    return source
  if not isinstance(source, (str, os.PathLike)):
    raise errors.UserError(
      f'genotype={source!r} is none: give a Genotype, its file, the run that'
      ' found it, or a name of the zoo.'
    )
  try:
    return genotype_source.find(paths.expand_given(source))
  except ValueError as error:
    raise errors.UserError(
      f'The genotype {os.fspath(source)} cannot be used: {error}.'
    ) from error


@contextlib.contextmanager
def _started(config, run_dir, mode, resume, overwrite):
  """See `lifecycle.started`; shows its progress, and notes Ctrl-C."""
  console.be_lenient()
  if logging.get_verbosity() < logging.INFO:
    logging.set_verbosity(logging.INFO)
  lifecycle.check_data(config.data, *lifecycle.splits(config.data))
  if mode == 'search':
    config = stem_and_head.narrowed(config)
  argv = [f'-m deeplab_nas.{mode}']
  with (
    stop_signals.StopSignals(),
    lifecycle.started(
      config, paths.expand_given(run_dir), mode, argv, resume, overwrite
    ) as started,
  ):
    yield started

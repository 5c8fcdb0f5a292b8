"""Whether a run folder may be gone on with, by a config or by a reader."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from absl import logging

from deeplab_nas import commands, errors, files, safe_json, safe_yaml
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.data import classes, dataset_info
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import files as run_files
from deeplab_nas.run import provenance
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import genotype_source

# What a resumed run may not change: the checkpoint would not fit.
_FIXED_SECTIONS = {
  'search': ('space', 'search', 'data', *config_strategies.SECTIONS),
  'train': ('network', 'train', 'data'),
}
_FREE_SETTINGS = (
  'data.dir',
  'data.cache',
  'data.max_val_images',
  'data.skip_corrupt_records',
  'train.init_from',
  'train.early_stopping_epochs',
  'search.recalibration_batches',
  'train.recalibration_batches',
  'search.num_trials',
  'search.budget',
  'search.trial_timeout',
  'search.cluster',
  'search.final_seeds',
)
# Which only a search reads.
_FREE_IN_TRAINING = ('data.b_fraction',)
# Named before what follows from it.
_DECIDES_OTHERS = ('search', 'strategy')
_KINDS = {'search': 'a search', 'train': 'a training'}


def start(
  run: run_directory.RunDirectory,
  config: config_lib.Config,
  argv: Sequence[str],
  mode: str = 'search',
) -> dict[str, Any]:
  """Writes config.yaml and dataset.json, and adds this start to run.json.

  Args:
    run: The folder.
    config: Every setting.
    argv: The command line.
    mode: 'search' or 'train'.

  Returns:
    What was added, for `note_end`.

  Raises:
    UserError: If the folder holds a run that `config` cannot continue, or the
      classes of the data are not those that it was started with.
  """
  starts = []
  if run.is_started:
    _check_same(run, config, mode)
    starts = run_files.read(run.provenance, safe_json.parse).get('starts', [])
    if not isinstance(starts, list):
      raise run_files.damaged(run.provenance)
  given = {'config': config.name, 'set': list(config.overrides)}
  this = {**provenance.collect(argv), **given}
  # At once, as files without provenance are taken for another program's.
  _keep_classes(run, config.data)
  files.write(run.config, config.to_yaml())
  _write(run, mode, [*starts, this])
  return this


def note_end(
  run: run_directory.RunDirectory,
  this: dict[str, Any],
  seconds: float,
  end: str,
) -> None:
  """Adds to run.json how a start ended; nothing if it was taken back.

  Args:
    run: The folder.
    this: What `start` has given.
    seconds: Since the start.
    end: How it ended: 'finished', 'stopped' or 'failed'.

  Raises:
    UserError: If run.json is damaged.
  """
  if not run.is_started:
    return
  record = run_files.read(run.provenance, safe_json.parse)
  starts = record.get('starts')
  if isinstance(starts, list) and starts[-1:] == [this]:
    ended = {**this, 'seconds': round(seconds, 1), 'end': end}
    _write(run, record.get('mode', 'search'), [*starts[:-1], ended])


def _write(
  run: run_directory.RunDirectory, mode: str, starts: list[dict[str, Any]]
) -> None:
  record = json.dumps({'mode': mode, 'starts': starts}, indent=1)
  files.write(run.provenance, record + '\n')


def _keep_classes(
  run: run_directory.RunDirectory, data: config_lib.DataConfig
) -> None:
  """Writes what the data is, unless results are of other classes."""
  try:
    info = dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
  except errors.UserError:
    return  # which is reported when the data is read
  if run.dataset.is_file() and run.has_results:
    held = dataset_info.DatasetInfo.load(run.dataset)
    changed = classes.difference(info, held)
    if changed:
      raise errors.UserError(
        f'--run_dir={run} was started with other classes than {data.dir} has'
        f' now: {changed}. Resume with the data as it was, or choose another'
        ' folder.'
      )
    counts = [
      (each.mean_pixel, {k: v.class_pixels for k, v in each.splits.items()})
      for each in (held, info)
    ]
    if counts[0] != counts[1]:
      logging.warning(
        '%s has other images or labels than when %s was started: from here on'
        ' it learns from those that are there now.',
        data.dir,
        run,
      )
  info.save(run.dataset)


def last_start(run: run_directory.RunDirectory) -> dict[str, Any]:
  """What run.json says of the last start; nothing where there was none."""
  if not run.is_started:
    return {}
  starts = run_files.read(run.provenance, safe_json.parse).get('starts')
  is_known = (
    isinstance(starts, list) and starts and isinstance(starts[-1], dict)
  )
  return starts[-1] if is_known else {}


def keep_genotype(
  run: run_directory.RunDirectory, genotype: genotype_lib.Genotype
) -> None:
  """Writes the genotype that is trained.

  Raises:
    UserError: If there are results of another one.
  """
  if run.genotype.is_file() and run.has_results:
    held = genotype_source.read(run.genotype)
    if held != genotype:
      raise errors.UserError(
        f'--run_dir={run} trains genotype {held.digest}, not'
        f' {genotype.digest}: resume with'
        f' {commands.flag("genotype", run.genotype)}, or choose another'
        ' folder.'
      )
  genotype.save(run.genotype)


def check_is_training(run: run_directory.RunDirectory) -> None:
  """Raises a UserError unless a network was trained here.

  Its advice is for those who read the folder: it overwrites nothing.
  """
  if not run.is_started:
    raise errors.UserError(
      f'{run} is no run folder (there is no {run.provenance.name}): give'
      f' the --run_dir of {commands.name("train")}.'
    )
  if mode_of(run, run_files.RESTORE) != 'train':
    raise errors.UserError(
      f'{run} holds a search, and a supernet is no trained network: train'
      f' what it found with {commands.name("train")}'
      f' {commands.flag("genotype", run.genotype)}.'
    )
  for path in (run.config, run.genotype, run.dataset):
    errors.require(
      path.is_file() or not run.has_weights,
      f'{path} is missing, without which the network cannot be built:'
      ' restore it from a copy.',
    )


def check_is_search(run: run_directory.RunDirectory) -> None:
  """Raises a UserError unless an architecture was searched for here.

  Its advice, too, is for those who read the folder.
  """
  errors.require(
    run.is_started and run.config.is_file(),
    f'{run} is no run folder: give the --run_dir of a search.',
  )
  errors.require(
    mode_of(run, run_files.RESTORE) == 'search',
    f'{run} holds the training of one architecture: give the --run_dir of a'
    ' search.',
  )


def mode_of(
  run: run_directory.RunDirectory, remedy: str = run_files.RESTART
) -> str:
  """'search' or 'train', which the folder was started with.

  Args:
    run: The folder, in which a run was started.
    remedy: What to do if its record is damaged.

  Raises:
    UserError: If it is.
  """
  record = run_files.read(run.provenance, safe_json.parse, remedy)
  mode = record.get('mode', 'search')
  if mode not in _KINDS:
    raise run_files.damaged(run.provenance, remedy)
  return mode


def _check_same(
  run: run_directory.RunDirectory, config: config_lib.Config, mode: str
) -> None:
  if mode_of(run) != mode:
    raise errors.UserError(
      f'--run_dir={run} holds {_KINDS[mode_of(run)]}, not'
      f' {_KINDS[mode]}: choose another folder.'
    )
  if run.has_best and not run.has_checkpoint:
    raise errors.UserError(
      f'--run_dir={run} has weights in {run.best.name}/ but nothing in'
      f' {run.checkpoints.name}/ to resume from, as an imported network:'
      f' train it further with {commands.flag("init_from", run)} and'
      ' another --run_dir.'
    )
  if not run.config.is_file():
    return
  then = run_files.read(run.config, safe_yaml.parse)
  if not all(isinstance(values, dict) for values in then.values()):
    raise run_files.damaged(run.config)
  then = config_lib.of_run(then)
  now = config.to_dict()
  free = _FREE_SETTINGS + (_FREE_IN_TRAINING if mode == 'train' else ())
  settings = [
    (section, key)
    for section in _FIXED_SECTIONS[mode]
    for key in now.get(section, {})
    if f'{section}.{key}' not in free
  ]
  for section, key in sorted(settings, key=lambda x: x != _DECIDES_OTHERS):
    earlier, value = then[section].get(key), now[section][key]
    if earlier != value:
      raise errors.UserError(
        f'--run_dir={run} was started with {section}.{key}={earlier},'
        f' now it is {value}: resume with the same settings, or choose'
        ' another folder.'
      )

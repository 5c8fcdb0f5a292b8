"""What every run has around it: its data, its folder, and their end.

Imports no TensorFlow before a run is started.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import time
from collections.abc import Iterator, Sequence

from absl import logging

from deeplab_nas import commands, errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import agreement, dataset_info, shards
from deeplab_nas.run import cluster, continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import tensorflow_setup

FINISHED, STOPPED, FAILED = 'finished', 'stopped', 'failed'


def splits(data: config_lib.DataConfig) -> tuple[str, str]:
  """The splits that a run reads; '' for one that it does not."""
  return data.train_split, '' if data.held_out_fraction else data.val_split


def check_data(data: config_lib.DataConfig, *names: str) -> None:
  """Refuses data that is not there before the seconds TensorFlow takes.

  Args:
    data: Where it is.
    *names: Splits that will be read.

  Raises:
    UserError: If there is no such folder, or a split is missing in it or has no
      label.
  """
  if not data.dir:
    raise errors.UserError(
      'Say where the data is with --data_dir=DIR: the folder that'
      f' {commands.name("convert")} wrote.'
    )
  errors.require(
    os.path.isdir(data.dir),
    f'The data is not at {data.dir}: say where it is with --data_dir=DIR, the'
    f' folder that {commands.name("convert")} wrote.',
  )
  info = dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
  agreement.check_labels(data.dir, info, names)
  if data.skip_corrupt_records:  # what is left is seen when it is read
    for split in filter(None, names):
      shards.listed(data.dir, split)
  else:
    agreement.check(data.dir, info, names)


@contextlib.contextmanager
def readable(
  config: config_lib.Config, names: Sequence[str], *remedy: str
) -> Iterator[config_lib.Config]:
  """The settings, with a folder of records that can be read.

  What goes wrong with them or with memory nevertheless becomes a sentence.

  Args:
    config: Every setting.
    names: Splits that will be read.
    *remedy: What helps if memory is short.
  """
  data = config.data
  with contextlib.ExitStack() as stack:
    stack.enter_context(tensorflow_setup.memory_advice(*remedy))
    if data.skip_corrupt_records:
      from deeplab_nas.data import salvage
      from deeplab_nas.run import devices

      # Before any operation: workers have to find each other first.
      devices.strategy(config.runtime)
      info = dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
      folder = stack.enter_context(
        salvage.sound(data.dir, info, names, data.skip_corrupt_records)
      )
      data = dataclasses.replace(data, dir=folder)
    stack.enter_context(
      agreement.explained(data.dir, data.dataset or None, names)
    )
    yield dataclasses.replace(config, data=data)


@contextlib.contextmanager
def started(
  config: config_lib.Config,
  run_dir: str | None,
  mode: str,
  argv: Sequence[str],
  resume: bool = False,
  overwrite: bool = False,
  with_tensorflow: bool = True,
) -> Iterator[tuple[run_directory.RunDirectory, config_lib.Config]]:
  """The folder of a run, and its settings with records that can be read.

  The folder is left as it was if the run has no first epoch; else run.json says
  how this start ended and how long it took.

  Args:
    config: Every setting.
    run_dir: The folder.
    mode: 'search' or 'train'.
    argv: The command, for the record.
    resume: Whether to go on with the run that is there.
    overwrite: Whether to replace it.
    with_tensorflow: Whether this process computes, and so needs it.

  Raises:
    UserError: If there is no folder, or it holds something and neither is
      chosen.
  """
  if run_dir is None:
    raise errors.UserError(
      'Say where the results go with --run_dir=DIR, such as --run_dir=runs/a.'
    )
  began = time.monotonic()
  if cluster.is_chief(config.runtime):
    run = run_directory.RunDirectory.create(run_dir, resume, overwrite)
  else:
    run = cluster.worker_directory(run_dir)
  end, this = FAILED, {}
  try:
    this = continuation.start(run, config, argv, mode)
    logging.info('Writing to %s.', run)
    if with_tensorflow:
      tensorflow_setup.prepare(config.runtime, mode != 'search')
    peers = cluster.naming_lost_worker(config.runtime)
    with peers, readable(config, splits(config.data)) as found:
      yield run, found
    end = FINISHED
  except BaseException as error:
    if isinstance(error, (KeyboardInterrupt, errors.Preempted)):
      end = STOPPED
    run.discard()  # nothing that was finished is removed
    raise
  finally:
    # A full disk would hide what else there is to say.
    with contextlib.suppress(OSError, errors.UserError):
      continuation.note_end(run, this, time.monotonic() - began, end)

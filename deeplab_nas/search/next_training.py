"""How what a search has found is trained; needs no TensorFlow."""

from __future__ import annotations

import os

from absl import logging

from deeplab_nas import commands
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import follow_up
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.trials.results import candidates

_WIDTH = '--set=network.filter_multiplier='


def line(
  run: run_directory.RunDirectory,
  genotype: str | os.PathLike[str],
  filter_multiplier: float | None = None,
  name: str = 'train',
) -> str:
  """The command as one line that a shell takes.

  Args:
    run: Of the search.
    genotype: The file to train.
    filter_multiplier: F of the network; None for what the settings say.
    name: How the folder of the training ends.
  """
  flags = list(_flags(run))
  if filter_multiplier is not None:
    flags = [flag for flag in flags if not flag.startswith(_WIDTH)]
    flags.append(f'{_WIDTH}{filter_multiplier:g}')
  return commands.line(
    'train',
    *flags,
    f'--genotype={os.fspath(genotype)}',
    f'--run_dir={run.beside(name)}',
  )


def width(genotype: str | os.PathLike[str]) -> float | None:
  """F at which a search by trials tried what it found, and logs it.

  Args:
    genotype: What is to be trained: the folder of a search, or anything else
      that names an architecture.

  Returns:
    None where there was no such search.

  Raises:
    UserError: If a file of the search is damaged.
  """
  found = candidates.width_found(genotype)
  if found is not None:
    logging.info(
      'network.filter_multiplier=%g: as wide as the search tried it.', found
    )
  return found


def _flags(run: run_directory.RunDirectory) -> tuple[str, ...]:
  if not run.config.is_file():
    return (f'--config={run.config}',)
  start = continuation.last_start(run)
  return follow_up.training_flags(
    config_lib.load(os.fspath(run.config)),
    start.get('config', ''),
    start.get('set', []),
    run.config,
  )

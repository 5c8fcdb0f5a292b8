"""A network that was trained, from its run folder: no data is needed."""

from __future__ import annotations

import dataclasses
import os

import tensorflow as tf

from deeplab_nas import commands, errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.run import checkpoints, continuation, plain_path
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import files as run_files
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import genotype_source
from deeplab_nas.train import build as network_builder
from deeplab_nas.train import optimizers, schedules
from deeplab_nas.train import trainer as trainer_lib

BEST, LAST = 'best', 'last'


@dataclasses.dataclass(frozen=True)
class Trained:
  """What evaluation, prediction and export start from.

  Attributes:
    network: With its weights, in float32; their averages if the training
      averaged them.
    genotype: Its architecture.
    config: Settings of the training.
    info: Classes and palette of the data.
    checkpoint: Prefix of the checkpoint that was read.
  """

  network: network_lib.DerivedNetwork
  genotype: genotype_lib.Genotype
  config: config_lib.Config
  info: dataset_info.DatasetInfo
  checkpoint: str


def load(run_dir: str | os.PathLike[str], checkpoint: str = BEST) -> Trained:
  """Reads the run folder of a training.

  Args:
    run_dir: The folder.
    checkpoint: 'best', the epoch of the best validation, or 'last'.

  Raises:
    UserError: If this is no such folder, has no checkpoint yet, or holds one of
      another genotype, or if there is no such kind of checkpoint.
  """
  run = run_directory.RunDirectory(run_dir)
  continuation.check_is_training(run)
  folders = {BEST: run.best, LAST: run.checkpoints}
  if checkpoint not in folders:
    raise errors.UserError(
      f'The checkpoint {checkpoint!r} is none of {BEST!r} and {LAST!r}.'
    )
  folder = folders[checkpoint]
  prefix = checkpoints.latest(folder)
  if prefix is None and any(folder.glob('*.index')):
    raise errors.UserError(
      f'{folder}/checkpoint, which names the newest checkpoint, is damaged:'
      ' restore it from a copy.'
    )
  if prefix is None:
    raise errors.UserError(
      f'{folder} has no checkpoint: the training has not finished its first'
      f' epoch; go on with {commands.name("train")} --resume.'
    )
  genotype = genotype_source.read(run.genotype)
  config = config_lib.load(str(run.config))
  try:
    info = dataset_info.DatasetInfo.load(run.dataset)
  except errors.UserError as error:
    raise run_files.damaged(run.dataset, run_files.RESTORE) from error
  network = network_builder.build(config.network, genotype, info.num_classes)
  try:
    _check_digest(prefix, genotype)
    _restore(network, config, plain_path.of_prefix(prefix), checkpoint)
  except checkpoints.UNREADABLE as error:
    # Else a list of all that was not restored would follow the sentence.
    tf.get_logger().setLevel('ERROR')
    other = LAST if checkpoint == BEST else BEST
    raise errors.UserError(
      f'The checkpoint {prefix} is damaged, or config.yaml or dataset.json'
      f' beside it was replaced: restore the files from a copy, or take the'
      f' checkpoint {other!r}.'
    ) from error
  return Trained(network, genotype, config, info, prefix)


def _check_digest(prefix: str, genotype: genotype_lib.Genotype) -> None:
  stored = checkpoints.read_digest(prefix)
  if stored != genotype.digest:
    raise errors.UserError(
      f'The checkpoint {prefix} is of genotype {stored or "(none)"}, but'
      f' genotype.json is {genotype.digest}: one of them was replaced.'
    )


def _restore(
  network: network_lib.DerivedNetwork,
  config: config_lib.Config,
  prefix: str,
  checkpoint: str,
) -> None:
  if checkpoint == BEST:
    tf.train.Checkpoint(network=network).restore(
      prefix
    ).assert_existing_objects_matched().expect_partial()
    return
  # The last weights are kept as they are, with the averages in the optimizer.
  if config.train.batch_norm == 'freeze':
    trainer_lib.freeze_batch_norm(network)
  variables = network.trainable_variables
  # Any schedule will do, but a number would be a variable to be restored.
  schedule = schedules.build(config.train, config.train.slow_start_steps + 1)
  optimizer = optimizers.build(config.train, schedule, variables)
  trainer = tf.train.Checkpoint(network=network, optimizer=optimizer)
  status = tf.train.Checkpoint(trainer=trainer).restore(prefix)
  status.expect_partial()
  status.assert_existing_objects_matched()
  optimizer.finalize_variable_values(variables)

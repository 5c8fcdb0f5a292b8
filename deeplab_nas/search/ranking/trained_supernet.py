"""A supernet that was trained, from the run folder of its search."""

from __future__ import annotations

import dataclasses
import os

import tensorflow as tf

from deeplab_nas import commands, errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.run import checkpoints, continuation, plain_path
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import strategies


@dataclasses.dataclass(frozen=True)
class TrainedSupernet:
  """What scores by shared weights start from.

  Attributes:
    supernet: With its weights, in float32.
    config: Settings of the search.
    info: Classes and ignore label of the data.
    checkpoint: Prefix of the checkpoint that was read.
  """

  supernet: supernet_lib.Supernet
  config: config_lib.Config
  info: dataset_info.DatasetInfo
  checkpoint: str


def load(run_dir: str | os.PathLike[str]) -> TrainedSupernet:
  """Reads the last checkpoint of a search, which may be running.

  Args:
    run_dir: The folder.

  Raises:
    UserError: If it holds no search that shares weights, or no checkpoint yet.
  """
  run = run_directory.RunDirectory(run_dir)
  continuation.check_is_search(run)
  config = config_lib.load(os.fspath(run.config))
  name = config.search.strategy
  errors.require(
    not strategies.is_by_trials(name),
    f'{run} holds a search by {name}, which trains each architecture by itself:'
    ' give the --run_dir of one that shares the weights of a supernet, such as'
    ' search.strategy=first_order.',
  )
  prefix = checkpoints.latest(run.checkpoints)
  errors.require(
    prefix is not None,
    f'{run} has no checkpoint: the search has not finished its first epoch; go'
    f' on with {commands.name("search")} --resume.',
  )
  info = dataset_info.DatasetInfo.load(run.dataset)
  supernet = supernet_lib.Supernet(config.space.build(), info.num_classes)
  _restore(supernet, prefix)
  return TrainedSupernet(supernet, config, info, prefix)


def _restore(supernet: supernet_lib.Supernet, prefix: str) -> None:
  searcher = tf.train.Checkpoint(supernet=supernet)
  root = tf.train.Checkpoint(searcher=searcher)
  try:
    status = root.restore(plain_path.of_prefix(prefix))
    status.expect_partial()
    status.assert_existing_objects_matched()
  except checkpoints.UNREADABLE as error:
    tf.get_logger().setLevel('ERROR')  # else it lists what was not restored
    raise errors.UserError(
      f'The checkpoint {prefix} is damaged, or config.yaml or dataset.json'
      ' beside it was replaced: restore the files from a copy.'
    ) from error

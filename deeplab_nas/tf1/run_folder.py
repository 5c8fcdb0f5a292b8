"""A run folder from a checkpoint of the released TensorFlow 1 code.

What follows (evaluation, prediction, export, training with --init_from) takes
the folder for that of a training.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.run import checkpoints, continuation, plain_path
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.tf1 import variables as tf1_checkpoint
from deeplab_nas.train import build as network_builder


def network_config(
  variables: Mapping[str, np.ndarray],
  genotype: genotype_lib.Genotype,
  aspp_rates: Sequence[int],
) -> config_lib.NetworkConfig:
  """The width and the head that a checkpoint's variables have.

  Args:
    variables: Arrays by released name.
    genotype: The architecture.
    aspp_rates: Not in a checkpoint.

  Raises:
    UserError: If the variables are of something else.
  """
  scopes = [
    scope
    for scope in tf1_checkpoint.SCOPES
    if f'{scope}/cell_0/1x1/weights' in variables
  ]
  if not scopes:
    raise errors.UserError(
      'The checkpoint has no variable <scope>/cell_0/1x1/weights with a scope'
      f' of {", ".join(tf1_checkpoint.SCOPES)}: it is of another network.'
    )
  filters = np.shape(variables[f'{scopes[0]}/cell_0/1x1/weights'])[-1]
  return config_lib.NetworkConfig(
    filter_multiplier=max(filters // 2 ** genotype.path[0], 1),
    aspp_rates=tuple(aspp_rates),
    separable_head='aspp1_depthwise/depthwise_weights' in variables,
  )


@dataclasses.dataclass(frozen=True)
class Imported:
  """A network that has taken over its weights, and what belongs to it.

  Attributes:
    network: With the weights.
    genotype: Its architecture.
    info: Classes that it tells apart.
    config: Its `network` is as worked out; its `data` says how images were
      resized.
  """

  network: network_lib.DerivedNetwork
  genotype: genotype_lib.Genotype
  info: dataset_info.DatasetInfo
  config: config_lib.Config

  def write(
    self, directory: run_directory.RunDirectory, argv: Sequence[str]
  ) -> None:
    """Writes a run folder as a training leaves it; `argv` is the command."""
    continuation.start(directory, self.config, argv, 'train')
    continuation.keep_genotype(directory, self.genotype)
    self.info.save(directory.dataset)
    checkpoint = tf.train.Checkpoint(
      network=self.network,
      genotype_digest=checkpoints.digest_variable(self.genotype.digest),
    )
    tf.train.CheckpointManager(
      checkpoint,
      os.fspath(plain_path.of_folder(directory.best)),
      max_to_keep=1,
      checkpoint_name='tf1',
    ).save()
    directory.settle()


def load(
  variables: Mapping[str, np.ndarray],
  genotype: genotype_lib.Genotype,
  info: dataset_info.DatasetInfo,
  config: config_lib.Config,
) -> Imported:
  """Builds the network of a checkpoint; nothing is written.

  Args:
    variables: Arrays by released name.
    genotype: The architecture.
    info: Classes that the network tells apart.
    config: Its atrous rates count, and its `data` is kept.

  Raises:
    UserError: If the variables do not fit the genotype or the classes.
  """
  config = dataclasses.replace(
    config,
    network=network_config(variables, genotype, config.network.aspp_rates),
  )
  network = network_builder.build(config.network, genotype, info.num_classes)
  tf1_checkpoint.assign(network, variables)
  return Imported(network, genotype, info, config)

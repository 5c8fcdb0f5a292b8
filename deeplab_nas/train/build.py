"""Networks as a training asks for them, with the user's mistakes named."""

from __future__ import annotations

import dataclasses

import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.space import genotype as genotype_lib


def build(
  config: config_lib.NetworkConfig,
  genotype: genotype_lib.Genotype,
  num_classes: int,
  precision: str = 'float32',
  sync: bool = False,
) -> network_lib.DerivedNetwork:
  """The network of a genotype.

  Args:
    config: Width, head, drop path, batch norm.
    genotype: The architecture.
    num_classes: Channels of the logits.
    precision: Keras' policy for its layers.
    sync: Whether batch norm sees the batches of all replicas as one.

  Raises:
    UserError: If the settings do not fit the genotype.
  """
  policy = tf.keras.mixed_precision.global_policy()
  tf.keras.mixed_precision.set_global_policy(precision)
  try:
    return network_lib.build_network(
      genotype,
      num_classes=num_classes,
      sync_batch_norm=sync,
      **dataclasses.asdict(config),
    )
  except ValueError as error:
    raise errors.UserError(
      f'Genotype {genotype.digest} makes no network with these settings:'
      f' {error}.'
    ) from error
  finally:
    tf.keras.mixed_precision.set_global_policy(policy)

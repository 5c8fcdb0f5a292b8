"""Weights of trials, for the trials that begin with them.

A trial keeps what was scored: averages, if there are any, and the statistics
taken anew. One that inherits begins there, changed as `inheritance` says. Where
that is approximate it first learns to answer as its parent does, by
`distillation.divergence` alone.

Reference:
  Elsken et al., LEMONADE, Sec. 3.2, https://arxiv.org/abs/1804.09081
"""

from __future__ import annotations

import dataclasses
import io
import pathlib
import zipfile
from collections.abc import Callable
from typing import NamedTuple, Union

import numpy as np
import tensorflow as tf

from deeplab_nas import errors, files
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.nn.network import inheritance, shared_network, step_random
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials.compression import taught
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.train import build, distillation, optimizers, trainer

_GENOTYPE, _WIDTH = 'genotype', 'filter_multiplier'

# Of a file that was cut off.
_BAD_ZIP = zipfile.BadZipFile
Network = Union[network_lib.DerivedNetwork, shared_network.SharedNetwork]


class Begun(NamedTuple):
  """A network before the steps of its trial.

  Attributes:
    network: To train; None of what is not trained.
    approximate: See `Outcome`.
    distil_losses: See `Outcome`.
  """

  network: Network | None = None
  approximate: tuple[str, ...] = ()
  distil_losses: tuple[float, ...] = ()


def begin(
  config: config_lib.Config,
  job: job_lib.Job,
  info: dataset_info.DatasetInfo,
  make_batches: Callable[[], tf.data.Dataset],
  note: Callable[[], None],
  teacher: taught.Taught | None = None,
) -> Begun:
  """The network of a trial, with weights of its teacher or parent, if any.

  Args:
    config: Of the trial: its width.
    job: The trial.
    info: Of the data.
    make_batches: Makes those of the training, endless; a dataset that one has
      read ahead of goes on in an order that nobody knows.
    note: Called after each step.
    teacher: Of the study, if it has one.

  Raises:
    UserError: If the weights of the parent are gone.
  """
  train = config.train
  network = build.build(
    config.network, job.genotype, info.num_classes, train.precision
  )
  if teacher is not None:
    teacher.give_weights(network, job.seed)
  _freeze(network, train)
  if job.parent_weights is None:
    return Begun(shared_network.of(network))
  parent = load(job.parent_weights, config, info.num_classes)
  rng = np.random.default_rng(job.seed)
  approximate = inheritance.inherit(parent, network, rng)
  network = shared_network.of(network)
  if not approximate:
    return Begun(network)
  steps = config.lemonade.distil_steps
  losses = distil(
    shared_network.of(parent),
    network,
    make_batches(),
    steps,
    train,
    info.ignore_label,
    note,
  )
  return Begun(network, tuple(approximate), tuple(losses))


def _freeze(
  network: network_lib.DerivedNetwork, config: config_lib.TrainConfig
) -> None:
  """Keeps batch norms as they are, if that is asked for."""
  if config.batch_norm == 'freeze':
    trainer.freeze_batch_norm(network)


def keep(model: trainer.Trainer, job: job_lib.Job) -> None:
  """Writes the weights of a trial, as they were scored."""
  with model.averaged():
    save(model.network, job.weights)


def save(network: Network, path: pathlib.Path) -> None:
  """Writes the weights as they are, whole or not at all."""
  if isinstance(network, shared_network.SharedNetwork):
    network.write_back()
    network = network.network
  content = io.BytesIO()
  np.savez(
    content,
    *network.get_weights(),
    **{
      _GENOTYPE: network.genotype.to_json(),
      _WIDTH: network.space.filter_multiplier,
    },
  )
  files.write(path, content.getvalue())


def load(
  path: pathlib.Path, config: config_lib.Config, num_classes: int
) -> network_lib.DerivedNetwork:
  """The network of a trial, with its weights.

  Args:
    path: That `save` has written.
    config: Of the study.
    num_classes: Of the data.

  Raises:
    UserError: If the file is gone or damaged.
  """
  try:
    with np.load(path) as held:
      genotype = genotype_lib.Genotype.from_json(str(held[_GENOTYPE]))
      width = float(held[_WIDTH])
      names = [name for name in held.files if name.startswith('arr_')]
      weights = [held[f'arr_{i}'] for i in range(len(names))]
    network = build.build(
      dataclasses.replace(config.network, filter_multiplier=width),
      genotype,
      num_classes,
      config.train.precision,
    )
    _freeze(network, config.train)  # which changes the order of the weights
    network.set_weights(weights)
  except (OSError, EOFError, ValueError, LookupError, _BAD_ZIP) as error:
    raise errors.UserError(
      f'{path}, the weights of the parent, cannot be read: restore it from a'
      ' copy, or start again with --overwrite.'
    ) from error
  return network


def distil(
  teacher: Callable,
  student: Callable,
  batches: tf.data.Dataset,
  num_steps: int,
  config: config_lib.TrainConfig,
  ignore_label: int,
  note: Callable[[], None],
) -> list[float]:
  """Trains a network to answer as another one does.

  The optimizer is that of the training, at its first learning rate. Nothing is
  dropped, neither units nor paths.

  Args:
    teacher: Images to logits [B, H, W, C], as in inference.
    student: With `trainable_variables`; as in training.
    batches: Endless, of images float32 [B, H, W, 3] and labels int32 [B, H, W].
    num_steps: How many to take.
    config: Of the training.
    ignore_label: Label of pixels that do not count.
    note: Called after each step.

  Returns:
    The losses of the steps.
  """
  variables = list(student.trainable_variables)
  plain = dataclasses.replace(config, ema_decay=None, precision='float32')
  optimizer = optimizers.build(plain, config.learning_rate, variables)

  def step(iterator):
    images, labels = next(iterator)
    wanted = teacher(images, training=False)
    # What a step drops follows from the trainer's progress; there is none here.
    with tf.GradientTape() as tape, step_random.nothing_dropped():
      logits = student(images, training=True)
      loss = distillation.divergence(wanted, logits, labels, ignore_label)
    gradients = tape.gradient(loss, variables, unconnected_gradients='zero')
    optimizer.apply_gradients(zip(gradients, variables))
    return loss

  step = tf.function(step, autograph=False)
  iterator = iter(batches)
  losses = []
  for _ in range(num_steps):
    losses.append(float(step(iterator)))
    note()
  return losses

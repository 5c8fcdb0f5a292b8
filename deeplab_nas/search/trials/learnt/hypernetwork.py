"""The evaluator `hypernetwork`: scores without a training of their own.

A study has one graph hypernetwork, trained on random architectures of half A.
The first process that needs it trains it and keeps it in the study's folder;
from a kill it goes on at the last round, as if it had not been killed. Then it
predicts the weights of any architecture, which half B scores.

Reference:
  Zhang, Ren and Urtasun, Graph hypernetworks for neural architecture search,
  Sec. 4 and 5.1, https://arxiv.org/abs/1810.05749
"""

from __future__ import annotations

import dataclasses
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas import errors, folder_lock
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, input_pipeline
from deeplab_nas.nn.hypernetwork import hypernetwork as hypernetwork_lib
from deeplab_nas.nn.network import step_random
from deeplab_nas.search.trials import costs, fresh, strategy, width
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import search_space
from deeplab_nas.train import (
  build,
  class_weights,
  losses,
  recalibration,
  trainer,
)

FOLDER = 'hypernetwork'
# Steps between two checkpoints, and architectures that take them in turn: to
# build one takes as long as a step.
ROUND = 64
ARCHITECTURES = 16
# Largest norm of a gradient; of batches over which statistics are taken.
_CLIP = 5.0
_STATISTICS = 10


class _Drawn(NamedTuple):
  """An architecture to learn from."""

  genotype: genotype_lib.Genotype
  filter_multiplier: float


class Learner:
  """A hypernetwork, its optimizer, and how far it has learnt.

      learner = Learner(config, info, steps=1000)
      learner.run(folder)
      learner.hypernetwork

  A step descends the training's loss of one random architecture, as wide as the
  budget allows, with Adam; nothing is dropped. All that is random follows from
  the seed and the step.

  Attributes:
    hypernetwork: What learns.
    step: int64 variable [], steps that are done.
  """

  def __init__(
    self,
    config: config_lib.Config,
    info: dataset_info.DatasetInfo,
    steps: int,
    space: search_space.SearchSpace | None = None,
  ):
    """Builds everything; nothing is learnt.

    Args:
      config: Of the study.
      info: The description of the data.
      steps: Of the training.
      space: Of the architectures; None for that of the settings.
    """
    self._config, self._info, self._steps = config, info, steps
    settings = config.graph_hypernetwork
    space = space or config.space.build()
    self._widths = width.from_config(
      config, space, info.num_classes, costs.latencies(config)
    )
    self._study = strategy.Study(
      space, (strategy.Fidelity(steps),), is_within=self._widths.is_within
    )
    tf.keras.utils.set_random_seed(config.runtime.seed)
    self.hypernetwork = hypernetwork_lib.Hypernetwork(
      space,
      self._network(self._drawn(np.random.default_rng(0))),
      settings.num_units,
      settings.num_hidden,
      settings.num_sweeps,
    )
    self.step = tf.Variable(0, trainable=False, dtype=tf.int64)
    rate = tf.keras.optimizers.schedules.CosineDecay(
      settings.learning_rate, steps
    )
    self._optimizer = tf.keras.optimizers.Adam(rate, global_clipnorm=_CLIP)
    self._variables = self.hypernetwork.trainable_variables
    self._optimizer.build(self._variables)
    self._loss = losses.build(
      config.train,
      class_weights.compute(config.train, info, config.data.train_split),
      info.ignore_label,
      lambda: self.step,
    )

  def run(
    self,
    folder: pathlib.Path,
    beat: Callable[[], None] = lambda: None,
    num_rounds: int | None = None,
  ) -> None:
    """Takes the steps that are left.

    Args:
      folder: Of the checkpoints.
      beat: Called after each step.
      num_rounds: The most that this call takes; None for all.
    """
    checkpoint = tf.train.Checkpoint(
      hypernetwork=self.hypernetwork, optimizer=self._optimizer, step=self.step
    )
    manager = tf.train.CheckpointManager(checkpoint, str(folder), max_to_keep=1)
    if manager.latest_checkpoint:
      checkpoint.restore(manager.latest_checkpoint)
    if int(self.step) >= self._steps:
      return
    first = int(self.step) // ROUND
    last = -(-self._steps // ROUND)
    if num_rounds is not None:
      last = min(last, first + num_rounds)
    batches = self._batches(int(self.step))
    for number in range(first, last):
      found = self._round(number, batches, beat)
      manager.save(int(self.step))
      logging.info(
        'Hypernetwork: step %d of %d, loss %.4g.',
        int(self.step),
        self._steps,
        np.mean(found),
      )

  def _batches(self, start: int) -> Iterator:
    data = self._config.data
    return iter(
      input_pipeline.train_dataset(
        data.dir,
        data.train_split,
        self._info,
        data.pipeline(self._config.runtime.seed),
        subset='a',
        start_step=start,
      )
    )

  def _round(
    self, number: int, batches: Iterator, beat: Callable[[], None]
  ) -> list[float]:
    """The losses of its steps."""
    rng = np.random.default_rng([self._config.runtime.seed, number])
    count = min(ROUND, self._steps - int(self.step))
    drawn = [self._drawn(rng) for _ in range(min(ARCHITECTURES, count))]
    models: dict[int, hypernetwork_lib.Predicted] = {}
    found = []
    for index in rng.permutation(np.arange(count) % len(drawn)).tolist():
      if index not in models:
        network = self._network(drawn[index])
        models[index] = self.hypernetwork.attach(network)
      found.append(self._learn(models[index], *next(batches)))
      beat()
    return found

  def _learn(
    self,
    model: hypernetwork_lib.Predicted,
    images: tf.Tensor,
    labels: tf.Tensor,
  ) -> float:
    """The loss before a step; what is not finite changes nothing."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(self._variables)
      model.predict()
      with step_random.nothing_dropped():
        loss = self._loss(model(images, training=True), labels)
    slopes = tape.gradient(loss, self._variables, unconnected_gradients='zero')
    if np.isfinite(float(tf.linalg.global_norm([loss, *slopes]))):
      self._optimizer.apply_gradients(zip(slopes, self._variables))
    self.step.assign_add(1)
    return float(loss)

  def _drawn(self, rng: np.random.Generator) -> _Drawn:
    genotype = fresh.random(self._study, (), rng)
    return _Drawn(genotype, self._widths.widest(genotype))

  def _network(self, drawn: _Drawn):
    return network_of(
      self._config, drawn.genotype, drawn.filter_multiplier, self._info
    )


class Models:
  """Architectures with weights from the hypernetwork of a study."""

  def __init__(
    self,
    config: config_lib.Config,
    space: search_space.SearchSpace | None = None,
  ):
    """Nothing is built yet.

    Args:
      config: Of the study; networks are of float32, whatever its precision.
      space: Of the architectures; None for that of the settings.
    """
    self._config, self._space = config, space
    self._learner: Learner | None = None

  def __call__(
    self,
    config: config_lib.Config,
    job: job_lib.Job,
    info: dataset_info.DatasetInfo,
    beat: Callable[[], None],
  ) -> trainer.Trainer:
    """A model to score, as a training has it.

    Args:
      config: Of the job.
      job: Of the evaluator `hypernetwork`.
      info: The description of the data.
      beat: Called at every sign of progress.
    """
    hypernetwork = self._trained(job, info, beat)
    network = network_of(config, job.genotype, job.filter_multiplier, info)
    predicted = hypernetwork.attach(network)
    predicted.predict()
    model = trainer.Trainer(
      predicted,
      dataclasses.replace(config.train, ema_decay=None),
      job.fidelity.steps,
      ignore_label=info.ignore_label,
    )
    count = config.train.recalibration_batches or _STATISTICS
    model.recalibration = recalibration.from_config(
      config, info, predicted, count, subset='a'
    )
    return model

  def _trained(
    self,
    job: job_lib.Job,
    info: dataset_info.DatasetInfo,
    beat: Callable[[], None],
  ) -> hypernetwork_lib.Hypernetwork:
    """Waits for another process that trains it, or does it."""
    if self._learner is None:
      folder = job.folder.parent / FOLDER
      folder.mkdir(parents=True, exist_ok=True)
      lock = _locked(folder, beat)
      steps = job.fidelity.steps
      learner = Learner(self._config, info, steps, self._space)
      learner.run(folder, beat)
      self._learner = learner
      del lock
    return self._learner.hypernetwork


def _locked(
  folder: pathlib.Path, beat: Callable[[], None]
) -> folder_lock.FolderLock | None:
  """The lock of a folder, as soon as no other process has it."""
  while True:
    beat()
    try:
      return folder_lock.take(folder)
    except errors.UserError:  # another process has it
      time.sleep(1.0)


def network_of(
  config: config_lib.Config,
  genotype: genotype_lib.Genotype,
  filter_multiplier: float,
  info: dataset_info.DatasetInfo,
):
  """The network of an architecture, `DerivedNetwork`, with weights of its own.

  Args:
    config: Head, stem and batch norm.
    genotype: The architecture.
    filter_multiplier: F.
    info: The description of the data.

  Raises:
    UserError: If the settings do not fit the genotype.
  """
  settings = dataclasses.replace(
    config.network, filter_multiplier=filter_multiplier
  )
  return build.build(settings, genotype, info.num_classes)

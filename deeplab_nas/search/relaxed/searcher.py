"""The search as a Keras model: one `train_step`, two sets of variables.

Reference:
  Auto-DeepLab, Sec. 4.2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas import checked_fields
from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.kernels import conv_gradients, graph_ops, phases, replicas
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.nn.supernet.sampled import supernet as sampled_supernet
from deeplab_nas.report import arch_state
from deeplab_nas.run import precompile, step_guard
from deeplab_nas.search.relaxed import (
  noise_walks,
  supernet_weights,
)
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import arch_weights, search_space
from deeplab_nas.train import losses, recalibration, weight_steps


class Searcher(recalibration.Recalibrated, tf.keras.Model):
  """Alternates a step on the weights and a step of the strategy.

  A weight step reads split A and changes the supernet's weights and moving
  statistics. An architecture step reads split B and changes only what the
  strategy learns. Architecture steps begin after `arch_start_step` weight
  steps. Both kinds are one compiled function, so that a mistake in the second
  shows at the first batch.

      searcher = Searcher(space, num_classes=19, config=SearchConfig(), ...)
      searcher.compile(searcher.weight_optimizer)
      searcher.fit(tf.data.Dataset.zip((split_a, split_b)), ...)

  Attributes:
    space: The search space.
    supernet: All architectures of the space at once.
    guard: Keeps bad steps from changing anything.
    strategy: Decides how the supernet weighs its architectures.
    samples_paths: Whether a weight step computes no more than its sample; it
      computes the whole supernet otherwise.
    moves_paths: Whether one that computes all moves no more than its sample.
    ignore_label: Label of pixels that do not count.
    learning_rate: Of the weights, by step: half a cosine.
    arch_start_step: int64 variable, weight steps before the first step of the
      strategy.
  """

  # Of `make_train_function`, for replicas.
  _has_arch_steps = True
  _weight_function = _both_function = None

  def __init__(
    self,
    space: search_space.SearchSpace,
    num_classes: int,
    config: config_lib.SearchConfig,
    steps_per_epoch: int,
    ignore_label: int = 255,
    seed: int = 0,
    keeps_statistics: bool = False,
    sync_batch_norm: bool = False,
    class_weights: Sequence[float] = (),
    passes: noise_walks.Passes | None = None,
    settings: checked_fields.Section | None = None,
  ):
    """Builds supernet, strategy and optimizers.

    Args:
      space: The search space.
      num_classes: Channels of the logits.
      config: Everything about the search.
      steps_per_epoch: Weight steps in an epoch.
      ignore_label: Label of pixels that do not count.
      seed: Of the strategy.
      keeps_statistics: Whether moving statistics come through a step whose
        loss or gradient is not finite.
      sync_batch_norm: Whether batch norm sees the batches of all replicas as
        one.
      class_weights: Of the loss of both kinds of steps, one for each class;
        empty for none.
      passes: How batches go through split B; None compares no halves of it.
      settings: The strategy's own section; None for its defaults.

    Raises:
      UserError: If this machine cannot learn the space in that precision.
    """
    super().__init__(name='searcher')
    _require_gradients(space, config.precision)
    self.space = space
    self.weight_decay = config.weight_decay
    self.ignore_label = ignore_label
    self.supernet = supernet_lib.Supernet(
      space,
      num_classes,
      recompute=config.recompute,
      precision=config.precision,
      sync_batch_norm=sync_batch_norm,
    )
    self.guard = step_guard.StepGuard(
      self.supernet.non_trainable_variables if keeps_statistics else ()
    )
    self.strategy = strategy_lib.build(space, config, seed, settings)
    self._build_sampled()
    self._build_weight_optimizer(config, steps_per_epoch)
    self._build_noise_walks(config, passes, seed)
    self.arch_start_step = tf.Variable(
      config.arch_start_epoch * steps_per_epoch, False, dtype=tf.int64
    )
    self.distribute_reduction_method = 'first'  # logs are the same on all
    self._build_losses(config, class_weights)
    self._build_metrics(num_classes)

  def _build_sampled(self) -> None:
    per_edge = getattr(self.strategy, 'ops_per_edge', None)
    sampled = sampled_supernet.SampledSupernet(self.supernet, per_edge or 1)
    self._sampled = lambda: sampled  # not tracked: the variables are others'
    self.samples_paths = (
      per_edge is not None
      and sampled.is_supported
      and tf.distribute.get_strategy().num_replicas_in_sync == 1
    )
    # So that several replicas learn as one does.
    self.moves_paths = (
      per_edge is not None and sampled.can_choose and not self.samples_paths
    )

  def _build_weight_optimizer(
    self, config: config_lib.SearchConfig, steps_per_epoch: int
  ) -> None:
    self._num_steps = config.epochs * steps_per_epoch
    self.learning_rate = _half_cosine(config, steps_per_epoch)
    self.weight_optimizer = tf.keras.optimizers.SGD(
      self.learning_rate,
      momentum=config.momentum,
      global_clipnorm=config.gradient_clip,
    )
    self.weight_optimizer.build(self.supernet.trainable_variables)

  def _build_noise_walks(
    self,
    config: config_lib.SearchConfig,
    passes: noise_walks.Passes | None,
    seed: int,
  ) -> None:
    walks = noise_walks.beside(
      self.strategy,
      passes,
      lambda: self.weight_optimizer.iterations - 1,  # counted before
      seed,
    )
    # Not tracked: checkpoints of before do not have it.
    self._noise_walks = lambda: walks
    self._decode_score = config.decode

  def _build_losses(
    self, config: config_lib.SearchConfig, class_weights: Sequence[float]
  ) -> None:
    self._loss = losses.build(
      config,
      class_weights,
      self.ignore_label,
      lambda: self.weight_optimizer.iterations,
    )
    self._val_loss = losses.plain(self.ignore_label)

  def _build_metrics(self, num_classes: int) -> None:
    self._loss_metric = tf.keras.metrics.Mean('loss')
    self._arch_loss_metric = tf.keras.metrics.Mean('arch_loss')
    self._train_iou, self.val_metric = (
      tf.keras.metrics.MeanIoU(
        num_classes,
        'miou',
        ignore_class=self.ignore_label,
        sparse_y_pred=False,
      )
      for _ in range(2)
    )

  @property
  def metrics(self) -> list[tf.keras.metrics.Metric]:
    return [
      self._loss_metric,
      self._arch_loss_metric,
      self._train_iou,
      self.val_metric,
    ]

  @property
  def noise_walks(self) -> noise_walks.NoiseWalks | None:
    """What noise makes of the strategy's steps; None for no gradients."""
    return self._noise_walks()

  def arch_state(self) -> arch_state.ArchState:
    """The architecture as it is now, in NumPy."""
    weights = arch_weights.ArchWeights(*map(np.asarray, self.strategy.mode()))
    genotype, score = self.strategy.genotype(), self._decode_score
    costs = getattr(self.strategy, 'costs', None)
    return arch_state.ArchState(
      self.space,
      weights,
      genotype,
      noise_walks.evidence(self.noise_walks, self.space, score),
      costs and costs.state(weights, genotype, score),
    )

  def predict_logits(self, images: tf.Tensor) -> tf.Tensor:
    """Logits [B, H, W, num_classes] of images in [0, 255], in inference."""
    return self.supernet(images, self.strategy.mode())

  call = predict_logits

  @tf.autograph.experimental.do_not_convert
  def train_step(self, batches: tuple) -> Mapping[str, tf.Tensor]:
    """One weight step on the batch of split A, then one step of the strategy.

    Args:
      batches: A pair of batches, one of split A and one of split B, each of
        images float32 [B, H, W, 3] in [0, 255] and labels int32 [B, H, W].
    """
    batch_a, batch_b = batches
    learning_rate = self.learning_rate(self.weight_optimizer.iterations)
    self.weight_step(batch_a)
    is_due = self.weight_optimizer.iterations > self.arch_start_step
    if replicas.count() == 1:
      tf.cond(is_due, lambda: self.arch_step(batch_a, batch_b), lambda: 0.0)
    elif self._has_arch_steps:  # replicas cannot meet inside of a condition
      self.arch_step(batch_a, batch_b)
    return {
      'loss': self._loss_metric.result(),
      'miou': self._train_iou.result(),
      'arch_loss': tf.where(
        is_due, self._arch_loss_metric.result(), float('nan')
      ),
      'learning_rate': learning_rate,
      step_guard.NAME: self.guard.num_bad.value(),
    }

  def make_train_function(self, force: bool = False):
    """As Keras does; with replicas, one for each phase of the search."""
    if self.distribute_strategy.num_replicas_in_sync == 1:
      return super().make_train_function(force)
    self._has_arch_steps = bool(
      self.weight_optimizer.iterations >= self.arch_start_step
    )
    name = '_both_function' if self._has_arch_steps else '_weight_function'
    self.train_function = getattr(self, name)
    setattr(self, name, super().make_train_function(force))
    return self.train_function

  @tf.autograph.experimental.do_not_convert
  @graph_ops.recorded
  def weight_step(self, batch: strategy_lib.Batch) -> tf.Tensor:
    """SGD on the supernet's weights; returns the loss."""
    images, labels = batch
    before = self.guard.snapshot()
    step = self._begun_step()
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(step.watched)
      logits = step.logits(images)
      loss = self._loss(logits, labels)
    gradients = replicas.totals(tape.gradient(loss, step.watched))
    is_finite = self.guard.checked(loss, gradients, before)
    step.descend(step_guard.zero_unless(is_finite, gradients))
    step_guard.note(self._loss_metric, loss, is_finite)
    counted = tf.where(is_finite, labels, self.ignore_label)
    self._train_iou.update_state(counted, logits)
    return loss

  def _begun_step(self) -> weight_steps.FullStep | weight_steps.SampledStep:
    """A step of the weights under the strategy's sample."""
    steps_done = self.weight_optimizer.iterations
    arch = self.strategy.sample(self._progress(steps_done))
    arch = arch_weights.ArchWeights(*replicas.agreed(arch))
    settings = arch, self.weight_optimizer, self.weight_decay
    if not (self.samples_paths or self.moves_paths):
      return weight_steps.FullStep(self.supernet, *settings)
    cls = (
      weight_steps.SampledStep
      if self.samples_paths
      else weight_steps.MaskedStep
    )
    return cls(self._sampled(), *settings, self.learning_rate(steps_done))

  @tf.autograph.experimental.do_not_convert
  @graph_ops.recorded
  def arch_step(
    self, train: strategy_lib.Batch, val: strategy_lib.Batch
  ) -> tf.Tensor:
    """One step of the strategy; leaves weights and statistics alone.

    Args:
      train: A batch of split A, that of the weight step before.
      val: A batch of split B.

    Returns:
      The loss of `val`.
    """
    steps_done = self.weight_optimizer.iterations
    weights = supernet_weights.SupernetWeights(
      self.supernet.trainable_variables,
      lambda: self.learning_rate(steps_done),
      functools.partial(self._batch_loss, phases.LOOK_AHEAD),
    )
    loss = functools.partial(self._batch_loss, phases.ARCH_STEP)
    alone = self._path_loss if self.samples_paths else loss
    step = strategy_lib.ArchStep(
      train,
      val,
      self._progress(tf.maximum(steps_done - 1, 0)),
      alone if getattr(self.strategy, 'compares_paths', False) else loss,
      weights,
      alone,
    )
    value = self.strategy.update(step)
    is_finite = tf.math.is_finite(value)
    self.guard.count(is_finite)
    step_guard.note(self._arch_loss_metric, value, is_finite)
    return value

  def _batch_loss(
    self,
    phase: phases.Phase,
    batch: strategy_lib.Batch,
    weights: arch_weights.ArchWeights,
  ) -> tf.Tensor:
    images, labels = batch
    return self._loss(self.supernet(images, weights, phase), labels)

  def _path_loss(
    self, batch: strategy_lib.Batch, weights: arch_weights.ArchWeights
  ) -> tf.Tensor:
    """The loss in an architecture step, of weights as a sample has them."""
    images, labels = batch
    logits = self._sampled().evaluate(images, weights, phases.ARCH_STEP)
    return self._loss(logits, labels)

  def _progress(self, step: tf.Tensor) -> strategy_lib.Progress:
    fraction = tf.cast(step, tf.float32) / self._num_steps
    return strategy_lib.Progress(
      tf.convert_to_tensor(step), tf.minimum(fraction, 1.0)
    )

  @tf.autograph.experimental.do_not_convert
  def test_step(self, batch: strategy_lib.Batch) -> Mapping[str, tf.Tensor]:
    images, labels = batch
    logits = self.predict_logits(images)
    self._loss_metric.update_state(
      self._val_loss(logits, labels[..., tf.newaxis]),
      losses.num_valid(labels, self.ignore_label),
    )
    self.val_metric.update_state(labels, logits)
    return {
      'loss': self._loss_metric.result(),
      'miou': self.val_metric.result(),
    }

  def warm_up(self, batches: tf.data.Dataset) -> None:
    """Compiles and runs both kinds of step once, then undoes what they did.

    Args:
      batches: What `fit` will be given; one element is read.
    """
    start_step = self.arch_start_step.numpy()
    self.arch_start_step.assign(0)
    try:
      precompile.once(self, batches, *filter(None, [self.noise_walks]))
    finally:
      self.arch_start_step.assign(start_step)


def _require_gradients(space: search_space.SearchSpace, precision: str) -> None:
  """Raises a UserError unless this machine can learn the space's weights."""
  kinds = {primitive.kind for primitive in space.cell.primitives}
  if 'atrous_conv' in kinds or precision != 'float32':
    conv_gradients.require('search.precision', precision)


def _half_cosine(
  config: config_lib.SearchConfig, steps_per_epoch: int
) -> tf.keras.optimizers.schedules.LearningRateSchedule:
  return tf.keras.optimizers.schedules.CosineDecay(
    config.learning_rate,
    decay_steps=config.epochs * steps_per_epoch,
    alpha=config.end_learning_rate / config.learning_rate,
  )

"""The training of one network as a Keras model.

Reference:
  Auto-DeepLab, Sec. 5.2, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.nn.kernels import replicas
from deeplab_nas.run import step_guard
from deeplab_nas.train import (
  losses,
  optimizers,
  recalibration,
  schedules,
  weight_decay,
)

Batch = tuple[tf.Tensor, tf.Tensor]


class Trainer(recalibration.Recalibrated, tf.keras.Model):
  """Trains a network, and validates the averages of its weights if it has any.

      trainer = Trainer(network, TrainConfig(), total_steps=30000)
      trainer.fit(batches, validation_data=val_batches)

  Attributes:
    network: What is trained.
    num_classes: Channels of its logits.
    ignore_label: Label of pixels that do not count.
    total_steps: Length of the schedules.
    learning_rate: By step.
    guard: Keeps bad steps from changing anything.
    val_metric: Mean IoU of the last validation.
  """

  def __init__(
    self,
    network: tf.keras.Model,
    config: config_lib.TrainConfig,
    total_steps: int,
    class_weights: Sequence[float] = (),
    ignore_label: int = 255,
    keeps_statistics: bool = False,
    soft_labels: Callable[..., tf.Tensor] | None = None,
  ):
    """Takes a network that has its variables, of whatever values.

    Args:
      network: A `DerivedNetwork`, or what has its interface.
      config: Everything about the training.
      total_steps: Steps of the whole training.
      class_weights: One for each class; empty for none.
      ignore_label: Label of pixels that do not count.
      keeps_statistics: Whether moving statistics come through a step whose
        loss or gradient is not finite.
      soft_labels: See `distillation.SoftLabels`; None for labels alone.
    """
    super().__init__(name='trainer')
    if config.batch_norm == 'freeze':
      freeze_batch_norm(network)
    self.network = network
    self.num_classes = network.num_classes
    self.ignore_label = ignore_label
    self.total_steps = total_steps
    self.learning_rate = schedules.build(config, total_steps)
    self._weight_decay = config.weight_decay
    self.compile(
      optimizers.build(config, self.learning_rate, network.trainable_variables)
    )
    self.distribute_reduction_method = 'first'  # logs are the same on all
    self.guard = step_guard.StepGuard(
      network.non_trainable_variables if keeps_statistics else ()
    )
    self._train_loss = losses.build(
      config, class_weights, ignore_label, lambda: self.optimizer.iterations
    )
    self._soft_labels = soft_labels
    self._val_loss = losses.plain(ignore_label)
    self._loss_metric = tf.keras.metrics.Mean('loss')
    self._train_iou, self.val_metric = (
      tf.keras.metrics.MeanIoU(
        self.num_classes,
        'miou',
        ignore_class=ignore_label,
        sparse_y_pred=False,
      )
      for _ in range(2)
    )

  @property
  def metrics(self) -> list[tf.keras.metrics.Metric]:
    return [self._loss_metric, self._train_iou, self.val_metric]

  def call(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
    return self.network(images, training=training)

  def predict_logits(self, images: tf.Tensor) -> tf.Tensor:
    """Logits [B, H, W, C] of images in [0, 255], of the averaged weights."""
    with self.averaged():
      return self.network(images, training=False)

  def averaged(self) -> contextlib.AbstractContextManager[None]:
    """While this is open, the network's weights are their averages."""
    return optimizers.averaged(self.optimizer, self.network.trainable_variables)

  def train_step(self, batch: Batch) -> Mapping[str, tf.Tensor]:
    """One step of the optimizer.

    Args:
      batch: Images float32 [B, H, W, 3] in [0, 255], labels int32 [B, H, W].
    """
    images, labels = batch
    step = self.optimizer.iterations
    learning_rate = self.learning_rate(step)
    self.network.drop_path_progress.assign(
      tf.minimum(tf.cast(step, tf.float32) / self.total_steps, 1.0)
    )
    variables = self.network.trainable_variables
    before = self.guard.snapshot()
    with tf.GradientTape(watch_accessed_variables=False) as tape:
      tape.watch(variables)
      logits = self.network(images, training=True)
      loss = self._train_loss(logits, labels)
      if self._soft_labels is not None:
        loss = self._soft_labels(loss, images, labels, logits)
      scaled_loss = self._scaled(loss)
    # A cell may leave one of its inputs unread; its projection has gradient 0.
    found = tape.gradient(scaled_loss, variables, unconnected_gradients='zero')
    scaled = replicas.totals(found)
    is_finite = self.guard.checked(loss, scaled, before, self._may_overflow())
    self._apply(step_guard.zero_unless(is_finite, scaled), variables)
    step_guard.note(self._loss_metric, loss, is_finite)
    counted = tf.where(is_finite, labels, self.ignore_label)
    self._train_iou.update_state(counted, logits)
    return {
      'loss': self._loss_metric.result(),
      'miou': self._train_iou.result(),
      'learning_rate': learning_rate,
      step_guard.NAME: self.guard.num_bad.value(),
    }

  def test_step(self, batch: Batch) -> Mapping[str, tf.Tensor]:
    images, labels = batch
    logits = self.network(images, training=False)
    loss = self._val_loss(logits, labels[..., tf.newaxis])
    num_valid = losses.num_valid(labels, self.ignore_label)
    self._loss_metric.update_state(loss, num_valid)
    self.val_metric.update_state(labels, logits)
    return {
      'loss': self._loss_metric.result(),
      'miou': self.val_metric.result(),
    }

  def evaluate(self, *args, **kwargs):
    """As Keras does, on the averages of the weights and statistics of theirs.

    The statistics stay; training does not read them.
    """
    with self.averaged():
      return super().evaluate(*args, **kwargs)

  @property
  def _scales_loss(self) -> bool:
    return isinstance(
      self.optimizer, tf.keras.mixed_precision.LossScaleOptimizer
    )

  def _may_overflow(self) -> bool | tf.Tensor:
    """Whether the optimizer answers infinite gradients with a lower scale."""
    return self._scales_loss and self.optimizer.loss_scale > 1

  def _scaled(self, loss: tf.Tensor) -> tf.Tensor:
    return self.optimizer.get_scaled_loss(loss) if self._scales_loss else loss

  def _apply(
    self, scaled: Sequence[tf.Tensor], variables: Sequence[tf.Variable]
  ) -> None:
    if self._scales_loss:
      scaled = self.optimizer.get_unscaled_gradients(scaled)
    finished = weight_decay.finished(
      self.network, scaled, variables, self._weight_decay
    )
    self.optimizer.apply_gradients(
      zip(finished, variables), skip_gradients_aggregation=True
    )


def freeze_batch_norm(network: tf.Module) -> None:
  """Keeps statistics, scales and offsets of all batch norms as they are."""
  for layer in network.submodules:
    if isinstance(layer, tf.keras.layers.BatchNormalization):
      layer.trainable = False

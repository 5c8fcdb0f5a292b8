"""Scores of architectures by the weights of one supernet, without a training.

The supernet runs with the one-hot weights of an architecture. Its batch-norm
statistics are those of all architectures that it has seen, so for each one they
are taken anew, over a few batches of half A; half B scores.

Reference:
  Bender et al., Understanding and Simplifying One-Shot Architecture Search,
  http://proceedings.mlr.press/v80/bender18a.html
  Guo et al., Single Path One-Shot NAS, Evolutionary Architecture Search
  (statistics taken anew), https://arxiv.org/abs/1904.00420
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, input_pipeline, subsets
from deeplab_nas.nn.kernels import graph_ops, phases
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.nn.supernet.sampled import supernet as sampled_supernet
from deeplab_nas.space import arch_weights
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.train import losses, recalibration

CROSS_ENTROPY, MIOU = 'cross_entropy', 'miou'
Batches = Callable[[], tf.data.Dataset]
_WEIGHTS_HALF, _SCORES_HALF = subsets.HALVES


class SharedWeights:
  """Evaluates one architecture after the other; leaves the supernet alone.

      evaluate = SharedWeights(supernet, half_a, half_b)
      evaluate(genotype)['cross_entropy']

  A score depends on the weights, the batches and the architecture alone, not on
  statistics or on what was scored before. Differs from the network that a
  training of the architecture would have as a supernet does: where H^{l-2} is
  off the path, zeros stand for it, and the heads off the path add constants.
  Where the supernet can be sampled, nothing else is computed.

  On one device: of several replicas, give a twin of the same weights.

  Attributes:
    supernet: Whose weights are shared.
  """

  def __init__(
    self,
    supernet: supernet_lib.Supernet,
    train: Batches,
    val: Batches,
    ignore_label: int = 255,
  ):
    """Takes what it needs; nothing is computed.

    Args:
      supernet: With its weights as they shall be shared.
      train: Makes a dataset of pairs of images float32 [B, H, W, 3] in [0, 255]
        and labels, the same ones each time, over which statistics are taken.
      val: Likewise, with labels int32 [B, H, W]; these score.
      ignore_label: Label of pixels that do not count.
    """
    self.supernet = supernet
    # A block may read a source twice.
    self._sampled = sampled_supernet.SampledSupernet(supernet, per_edge=2)
    self._val = val
    space = supernet.space
    op_shape = len(space.cell.edges), len(space.cell.primitives)
    # Variables, so that all architectures share one traced function.
    self._arch = arch_weights.ArchWeights(
      *(
        tf.Variable(tf.zeros(shape), trainable=False)
        for shape in (op_shape, space.lattice.legal.shape)
      )
    )
    self._recalibration = recalibration.Recalibration(
      supernet, train, self._forward
    )
    self._loss = losses.plain(ignore_label)
    self._ignore_label = ignore_label
    self._mean = tf.keras.metrics.Mean()
    self._iou = tf.keras.metrics.MeanIoU(
      supernet.num_classes, ignore_class=ignore_label, sparse_y_pred=False
    )
    # One trace, as in recalibration.
    self._step = tf.function(
      self._measure,
      input_signature=[
        tf.TensorSpec([None, None, None, 3]),
        tf.TensorSpec([None, None, None], tf.int32),
      ],
      autograph=False,
    )

  def __call__(self, genotype: genotype_lib.Genotype) -> Mapping[str, float]:
    """'cross_entropy', of the pixels that count, and 'miou', in [0, 1].

    Either may not be finite, as the output of an untrained path may.

    Raises:
      ValueError: If the genotype is no element of the supernet's space.
    """
    weights = arch_weights.one_hot(genotype, self.supernet.space)
    for variable, value in zip(self._arch, weights):
      variable.assign(value)
    self._mean.reset_state()
    self._iou.reset_state()
    with recalibration.kept(self.supernet.non_trainable_variables):
      self._recalibration.run()
      for images, labels in self._val():
        self._step(images, labels)
    return {
      CROSS_ENTROPY: float(self._mean.result()),
      MIOU: float(self._iou.result()),
    }

  def _forward(
    self, supernet: supernet_lib.Supernet, images: tf.Tensor
  ) -> tf.Tensor:
    del supernet  # the one that is had
    return self._logits(images, phases.WEIGHT_STEP)

  def _measure(self, images: tf.Tensor, labels: tf.Tensor) -> None:
    logits = self._logits(images, phases.INFERENCE)
    self._mean.update_state(
      self._loss(logits, labels[..., tf.newaxis]),
      losses.num_valid(labels, self._ignore_label),
    )
    self._iou.update_state(labels, logits)

  @graph_ops.recorded
  def _logits(self, images: tf.Tensor, phase: phases.Phase) -> tf.Tensor:
    """Logits float32 [B, H, W, num_classes] of the architecture."""
    if not self._sampled.is_supported:
      return self.supernet(images, self._weights(), phase)
    return self._sampled.evaluate(images, self._weights(), phase)

  def _weights(self) -> arch_weights.ArchWeights:
    return arch_weights.ArchWeights(*map(tf.convert_to_tensor, self._arch))


def of_halves(
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  supernet: supernet_lib.Supernet,
  recalibration_batches: int,
  num_images: int | None = None,
) -> SharedWeights:
  """Scores by whole images, of the halves as a search takes them.

  Args:
    config: Of the search.
    info: The description of the data.
    supernet: With its weights.
    recalibration_batches: Of half A, over which statistics are taken.
    num_images: Of half B, the first ones; None for all.
  """
  statistics = recalibration.whole_batches(
    config, info, recalibration_batches, _WEIGHTS_HALF
  )

  def val() -> tf.data.Dataset:
    data = config.data
    batches = input_pipeline.eval_dataset(
      data.dir,
      data.train_split,
      info,
      data.pipeline(),
      subset=_SCORES_HALF,
    )
    if num_images is None:
      return batches
    return batches.unbatch().take(num_images).batch(data.batch_size)

  return SharedWeights(supernet, statistics.make, val, info.ignore_label)


def digest(supernet: supernet_lib.Supernet) -> str:
  """Of the weights, 16 hex digits; statistics do not count."""
  found = hashlib.sha256()
  for variable in supernet.trainable_variables:
    found.update(variable.numpy().tobytes())
  return found.hexdigest()[:16]

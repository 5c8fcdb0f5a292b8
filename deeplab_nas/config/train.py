"""Settings of training a found network by itself, and of measuring it.

The defaults are those of the paper where it says, else those of the DeepLab
code, whose flags are named where the names differ.

Reference:
  Auto-DeepLab, Sec. 5.2, https://arxiv.org/abs/1901.02985
  https://github.com/tensorflow/models/tree/master/research/deeplab
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from deeplab_nas import checked_fields, errors
from deeplab_nas.config import loss as config_loss
from deeplab_nas.space import cost, search_space, widths

_field = checked_fields.field
# The largest scale of images in inference: 16 times the sides, 256 the memory.
MAX_SCALE = 16.0


@dataclasses.dataclass(frozen=True)
class NetworkConfig(checked_fields.Section):
  """The network that a genotype becomes.

  Attributes:
    filter_multiplier: F; a block at level l has int(F * 2^l) filters, so F may
      be a fraction. 20, 32 and 48 are the paper's S, M and L.
    stem_filters: Of the stem's three convolutions. In a small network the
      paper's stem and head cost more than the cells that were searched.
    head_filters: Of ASPP and decoder, whose low-level projection has 48 / 256
      of them.
    aspp_rates: Atrous rates of the head's branches; the paper does not give
      them, 12, 24, 36 are DeepLab's at output stride 8.
    separable_head: Whether the head's 3x3 convolutions are separable. The
      parameters in the paper's tables are those of full ones.
    low_level_stride: Stride of the features that the decoder adds.
    drop_path_keep_prob: Probability to keep a path of the last cell at the end
      of training; 1 drops none. The paper uses scheduled drop path, without
      giving the probability.
    batch_norm_momentum: Share of the old moving statistics in the new. The
      default suits the paper's 1.5 million steps; a run of some thousand needs
      about 0.99.
  """

  NAME: ClassVar[str] = 'network'

  filter_multiplier: float = _field(20, float, low=1)
  stem_filters: tuple[int, int, int] = _field(
    widths.STEM_FILTERS, int, low=1, length=3
  )
  head_filters: int = _field(widths.HEAD_FILTERS, int, low=1)
  aspp_rates: tuple[int, ...] = _field(widths.ASPP_RATES, int, low=1, many=True)
  separable_head: bool = _field(False, bool)
  low_level_stride: int = _field(4, int, low=1)
  drop_path_keep_prob: float = _field(1.0, float, above=0, high=1)
  batch_norm_momentum: float = _field(0.9997, float, low=0, below=1)

  def __post_init__(self):
    super().__post_init__()
    width = self.filter_multiplier
    if float(width).is_integer():  # shown as 20, not as 20.0
      object.__setattr__(self, 'filter_multiplier', int(width))

  def cost_model(
    self,
    space: search_space.SearchSpace,
    num_classes: int,
    image_size: tuple[int, int],
  ) -> cost.CostModel:
    """Counts what such networks cost, of this width.

    Low-level features of a stride that the space lacks, of which there is no
    network, count as those of stride 4.
    """
    has_stride = self.low_level_stride in space.lattice.strides
    return cost.CostModel(
      dataclasses.replace(space, filter_multiplier=self.filter_multiplier),
      num_classes,
      tuple(image_size),
      self.separable_head,
      stem_filters=self.stem_filters,
      head_filters=self.head_filters,
      aspp_rates=self.aspp_rates,
      low_level_stride=self.low_level_stride if has_stride else 4,
    )


@dataclasses.dataclass(frozen=True)
class TrainConfig(config_loss.LossConfig):
  """How the network learns: SGD or Adam, on a polynomial schedule.

  The settings of the loss are those of `LossConfig`.

  Attributes:
    epochs: Passes over the training split. The paper counts steps: 1.5 million
      on Cityscapes.
    steps_per_epoch: Steps per epoch; null for one pass over the split.
    optimizer: 'sgd' with `momentum`, the paper's; or 'adam', by which short
      trainings of networks with many convolutions go astray less. Its learning
      rates are some hundredth of SGD's.
    learning_rate: At the start of the schedule; the paper's.
    end_learning_rate: At its end.
    power: Of the schedule, learning_power in DeepLab.
    slow_start_steps: First steps at `slow_start_learning_rate`.
    slow_start_learning_rate: The learning rate until then.
    momentum: Of SGD.
    weight_decay: L2 decay of convolution kernels; `weight_decay.decays` says
      which ones.
    gradient_clip: Largest global norm of the gradient; null for none.
    ema_decay: Share of the old average in the new one of the weights, which
      are then validated and kept averaged; null for no average.
    batch_norm: 'train'; 'freeze' for the statistics, scales and offsets of
      `init_from`; 'sync' for statistics over all replicas.
    recalibration_batches: Batches of whole training images, of 8 at most, over
      which the statistics of batch norm are taken anew before each validation,
      with the weights fixed; 0 measures with the moving ones. Null for as many
      as take about a tenth of the time, 1 to 20, in trainings of fewer than
      20,000 steps, and for 0 in longer ones.
    init_from: Run folder of a training, or a checkpoint, whose weights are
      taken where name and shape agree; '' for none.
    distil_share: Share of the loss that is the divergence from what the network
      of `init_from` answers; the labels have the rest. That is then the run
      folder of a training, and the network may differ from its own in all that
      is inherited, see g3doc/training.md. Null for 1 in trials of `esnac`, and
      for 0 elsewhere.
    keep: 'best' for the weights of the best validation mIoU, 'last' for those
      of the last one: the best of many scores on a few images is a lucky one.
    early_stopping_epochs: Stops after so many epochs without a better
      validation mIoU; null never stops.
    precision: Policy of the layers; the weights stay float32.
    val_every_epochs: Validates after every so many epochs, and the last.
  """

  NAME: ClassVar[str] = 'train'

  epochs: int = _field(100, int, low=1)
  steps_per_epoch: int | None = _field(None, int, low=1, optional=True)
  optimizer: str = _field('sgd', str, choices=('sgd', 'adam'))
  learning_rate: float = _field(0.05, float, above=0)
  end_learning_rate: float = _field(0.0, float, low=0)
  power: float = _field(0.9, float, low=0)
  slow_start_steps: int = _field(0, int, low=0)
  slow_start_learning_rate: float = _field(1e-4, float, low=0)
  momentum: float = _field(0.9, float, low=0, below=1)
  weight_decay: float = _field(4e-5, float, low=0)
  gradient_clip: float | None = _field(None, float, above=0, optional=True)
  ema_decay: float | None = _field(None, float, above=0, below=1, optional=True)
  batch_norm: str = _field('train', str, choices=('train', 'freeze', 'sync'))
  recalibration_batches: int | None = _field(None, int, low=0, optional=True)
  init_from: str = _field('', str, is_path=True)
  distil_share: float | None = _field(None, float, low=0, high=1, optional=True)
  keep: str = _field('best', str, choices=('best', 'last'))
  early_stopping_epochs: int | None = _field(None, int, low=1, optional=True)
  precision: str = _field(
    'float32', str, choices=('float32', 'mixed_bfloat16', 'mixed_float16')
  )
  val_every_epochs: int = _field(1, int, low=1)

  def __post_init__(self):
    super().__post_init__()
    self.require_at_most('end_learning_rate', 'learning_rate')
    if self.early_stopping_epochs and self.keep == 'last':
      raise errors.UserError(
        f'train.early_stopping_epochs is {self.early_stopping_epochs}, which'
        ' waits for better scores, but train.keep=last keeps what comes last:'
        ' set it to null, or train.keep to best.'
      )
    if self.optimizer != 'sgd' and self.momentum != TrainConfig.momentum:
      raise errors.UserError(
        f'train.momentum is {self.momentum:g}, which'
        f' train.optimizer={self.optimizer} does not read: leave it out, or set'
        ' train.optimizer to sgd.'
      )

  def validated_epochs(self) -> list[int]:
    """Epochs, counted from 1, that are followed by a validation."""
    return [
      epoch
      for epoch in range(1, self.epochs + 1)
      if epoch % self.val_every_epochs == 0 or epoch == self.epochs
    ]


@dataclasses.dataclass(frozen=True)
class EvalConfig(checked_fields.Section):
  """How a trained network is measured.

  Attributes:
    split: The split that is measured; '' for `data.val_split`.
    checkpoint: 'best' or 'last'.
    scales: Sizes, relative to the image, whose probabilities are averaged.
    flip: Whether the mirrored image is averaged in too.
  """

  NAME: ClassVar[str] = 'eval'

  split: str = _field('', str)
  checkpoint: str = _field('best', str, choices=('best', 'last'))
  scales: tuple[float, ...] = _field(
    (1.0,), float, above=0, high=MAX_SCALE, many=True
  )
  flip: bool = _field(False, bool)

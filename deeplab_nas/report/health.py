"""Signs that a run goes wrong: each is reported once, with what to do."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas.config import loss as config_loss
from deeplab_nas.config import search as config_search
from deeplab_nas.config import train as config_train
from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import class_iou
from deeplab_nas.report import arch_state, baseline
from deeplab_nas.space import collapse

# Validations in a row after which a class counts as never predicted.
_VALIDATIONS = 3
# Epochs of architecture steps after which alpha should have moved, and by how
# much of its entropy at the start.
_ARCH_EPOCHS, _MOVED_SHARE = 3, 1e-3


class Health(tf.keras.callbacks.Callback):
  """Warns of predictions and architectures that nobody would want."""

  def __init__(
    self,
    info: dataset_info.DatasetInfo,
    read_arch: arch_state.ReadArch | None = None,
    arch_start_epoch: int = 0,
    loss: config_loss.LossConfig | None = None,
    history: Callable[[], Sequence[Mapping[str, Any]]] = tuple,
  ):
    """Watches a run.

    Args:
      info: Names of the classes.
      read_arch: Gives the architecture's state; None for a training.
      arch_start_epoch: Epochs of a search without architecture steps.
      loss: What the run learns with; None for the defaults.
      history: Gives the lines of `metrics_log` that a resumed run has.
    """
    super().__init__()
    if loss is None and read_arch is None:
      loss = config_train.TrainConfig()
    elif loss is None:
      loss = config_search.SearchConfig()
    self._loss = loss
    self._new: dict[str, str] = {}
    self._history = history
    self._is_first = True
    self._names = info.class_names
    self._read_arch = read_arch
    self._arch_start_epoch = arch_start_epoch
    self._missed = np.zeros(info.num_classes, int)  # validations in a row
    self._reported = set()

  def on_epoch_end(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    if self._is_first:
      self._is_first = False
      self._recall(epoch)
    if 'val_miou' in (logs or {}):
      self._watch_classes(self.model.val_metric.total_cm.numpy())
    if self._read_arch is not None and epoch >= self._arch_start_epoch:
      self._watch_architecture(
        self._read_arch(), epoch + 1 - self._arch_start_epoch
      )

  def _recall(self, num_epochs: int) -> None:
    """Counts the validations of the epochs that were done before."""
    for line in self._history():
      if line['epoch'] <= num_epochs and 'val_miou' in line:
        missed = line.get('missed_classes', ())
        is_missed = np.array([name in missed for name in self._names])
        self._missed = np.where(is_missed, self._missed + 1, 0)

  def take_new(self) -> dict[str, str]:
    """What was reported since this was called last: sentences by kind."""
    new, self._new = self._new, {}
    return new

  def _watch_classes(self, confusion: np.ndarray) -> None:
    """[num_classes, num_classes], labels by predictions."""
    is_constant = np.count_nonzero(confusion.sum(0)) == 1
    if is_constant and len(confusion) > 1:
      name = self._names[int(confusion.sum(0).argmax())]
      numbers = baseline.of_validation(self.model, self._names)
      self._tell(
        'constant',
        'Every pixel of the validation images was predicted as %s, so that this'
        ' mIoU, %.1f %%, is that of a constant. %sEarly in a run that is'
        ' normal; if it stays so, check the labels and the learning rate%s.',
        name,
        100 * np.nanmean(class_iou.from_confusion(confusion)),
        ''.join(f'{text} ' for text in baseline.sentences(numbers)[:1]),
        f', and {advice}' if (advice := self._for_rare_classes()) else '',
      )
    is_missed = (confusion.sum(1) > 0) & (confusion.sum(0) == 0)
    self._missed = np.where(is_missed, self._missed + 1, 0)
    names = [
      name
      for name, count in zip(self._names, self._missed)
      if count >= _VALIDATIONS
    ]
    if names and not is_constant:
      advice = self._for_rare_classes() or 'add images of them'
      self._tell(
        'missed',
        'In %d validations no pixel was predicted as %s. If that stays so, %s,'
        ' or give more images, and look at their labels.',
        _VALIDATIONS,
        ', '.join(names),
        advice,
      )

  def _for_rare_classes(self) -> str:
    """What gives rare classes more weight, unless they have it."""
    if self._loss.class_weights != 'none':
      return ''
    setting = f'{self._loss.NAME}.class_weights'
    return f'give rare classes more weight (--set={setting}=sqrt_inverse)'

  def _watch_architecture(
    self, state: arch_state.ArchState, num_epochs: int
  ) -> None:
    if collapse.is_collapsed(state.genotype):
      self._tell(
        'collapsed',
        '%.0f %% of the connections are skips and pools, which need no training'
        ' and so win early: try a later search.arch_start_epoch, a lower'
        ' search.arch_learning_rate, or an earlier epoch of genotypes/.',
        100 * collapse.parameter_free_fraction(state.genotype),
      )
    highest = math.log(len(state.space.cell.primitives))
    has_moved = state.alpha_entropy < (1 - _MOVED_SHARE) * highest
    is_noise = state.evidence is None or 'alpha' not in state.evidence.learnt
    if num_epochs >= _ARCH_EPOCHS and not has_moved and is_noise:
      self._tell(
        'unmoved',
        'After %d epochs of architecture steps alpha is nearly as it began'
        ' (entropy %.4f of %.4f): its operations are told apart by chance. Try'
        ' more epochs or larger batches; a higher search.arch_learning_rate'
        ' moves it, but noise moves it too.',
        num_epochs,
        state.alpha_entropy,
        highest,
      )

  def _tell(self, what: str, sentence: str, *values) -> None:
    if what not in self._reported:
      self._reported.add(what)
      self._new[what] = sentence % values
      logging.warning(sentence, *values)

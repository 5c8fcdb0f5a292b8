"""metrics.jsonl: one line of numbers for each epoch."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from deeplab_nas import errors, files, safe_json
from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import class_iou
from deeplab_nas.report import arch_state, baseline, decode_agreement
from deeplab_nas.run import directory as run_directory


class MetricsLog(tf.keras.callbacks.Callback):
  """Adds a line to `RunDirectory.metrics` after every epoch.

  A line holds all logs of the epoch, in a search the state of the architecture,
  and, where there was a validation, the IoU of each class (null for one that is
  neither in the labels nor predicted), its accuracy, and what the best constant
  prediction would score. Lines of epochs that a resumed run
  repeats are replaced.

  Attributes:
    history: The lines so far, as dictionaries.
  """

  def __init__(
    self,
    run: run_directory.RunDirectory,
    info: dataset_info.DatasetInfo,
    read_arch: arch_state.ReadArch | None = None,
    take_warnings: Callable[[], dict[str, str]] = dict,
  ):
    """Writes to a run's folder.

    Args:
      run: The folder.
      info: Class names.
      read_arch: Gives the state of a search's architecture.
      take_warnings: Gives what was warned of in an epoch, by its kind.
    """
    super().__init__()
    self._take_warnings = take_warnings
    self._read_arch = read_arch
    self.history: list[dict[str, Any]] = []
    self._run = run
    self._info = info

  def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
    self.history = read(self._run)

  def on_epoch_end(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    logs = dict(logs or {})
    line = {'epoch': epoch + 1}
    line.update({name: _plain(value) for name, value in logs.items()})
    self.history = [old for old in self.history if old['epoch'] <= epoch]
    if self._read_arch is not None:
      state = self._read_arch()
      line.update(state.numbers(), digest=state.genotype.digest)
      line.update(decode_agreement.numbers(state, self.history))
      line[decode_agreement.KEY] = decode_agreement.record(state)
    if 'val_miou' in logs:
      line.update(baseline.of_validation(self.model, self._info.class_names))
      line['class_iou'] = self._class_iou()
    # Every start tells anew what its run was told before.
    told = {kind for old in self.history for kind in old.get('warnings', ())}
    warnings = {
      kind: sentence
      for kind, sentence in self._take_warnings().items()
      if kind not in told
    }
    if warnings:
      line['warnings'] = warnings
    self.history.append(line)
    text = ''.join(json.dumps(each) + '\n' for each in self.history)
    files.write(self._run.metrics, text)

  def _class_iou(self) -> dict[str, float | None]:
    confusion = self.model.val_metric.total_cm.numpy()
    values = map(_plain, class_iou.from_confusion(confusion))
    return dict(zip(self._info.class_names, values))


def read(run: run_directory.RunDirectory) -> list[dict[str, Any]]:
  """The lines of a run's metrics; none before its first epoch."""
  if not run.metrics.is_file():
    return []
  try:
    lines = run.metrics.read_text('utf-8').splitlines()
    return [dict(safe_json.parse(line)) for line in lines]
  except (TypeError, ValueError) as error:
    raise errors.UserError(
      f'{run.metrics} is damaged ({error}): remove the bad line, or start again'
      ' with --overwrite.'
    ) from error


def _plain(value: Any) -> float | None:
  """A number that JSON knows; None for NaN and infinity."""
  value = float(value)
  return value if math.isfinite(value) else None

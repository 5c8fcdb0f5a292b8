"""What came of a trial, as the process that ran it writes it down."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Mapping

from deeplab_nas import files, safe_json

NAN = 'nan'
OUT_OF_MEMORY = 'out of memory'
# Before the names of scores of unseen images.
UNSEEN = 'unseen_'
# What files of before have not.
_ADDED = {'approximate': (), 'distil_losses': ()}


@dataclasses.dataclass(frozen=True)
class Outcome:
  """Scores, or why there are none.

  Attributes:
    key: Of the trial: whoever reads this knows it for the answer to its own.
    scores: 'cross_entropy', 'miou', 'loss_sum', 'params', ... by name; None of
      a trial that failed.
    failure: 'nan', 'out of memory', or what else was the matter; None where
      there are scores.
    seconds: Of the whole trial.
    cpu_seconds: Of all processor time of the process meanwhile.
    process_cpu_seconds: Of the start of the process, if this was its first
      trial.
    start_seconds: Of these, those until the first step was done.
    step_seconds: Median of the further steps.
    score_seconds: Of recalibration and scoring.
    losses: Of the steps, in order.
    class_iou: By the name of the class; NaN where none of it was there.
    constant: What one class everywhere would score on the same images: its
      'name', 'miou', 'pixel_accuracy'; and 'cross_entropy', which is that of
      predicting each class as often as it is there.
    approximate: What was not inherited exactly from a parent, a phrase for
      each; () where nothing was inherited either.
    distil_losses: Of the steps that were to bring it back, in order.
    device: What computed it.
    code: Release and commit that did.
    data: Digest of the description of the data; '' where there is none.
  """

  key: str
  scores: Mapping[str, float] | None = None
  failure: str | None = None
  seconds: float = 0.0
  cpu_seconds: float = 0.0
  process_cpu_seconds: float = 0.0
  start_seconds: float = 0.0
  step_seconds: float = 0.0
  score_seconds: float = 0.0
  losses: tuple[float, ...] = ()
  class_iou: Mapping[str, float] = dataclasses.field(default_factory=dict)
  constant: Mapping[str, str | float] = dataclasses.field(default_factory=dict)
  approximate: tuple[str, ...] = ()
  distil_losses: tuple[float, ...] = ()
  device: str = ''
  code: str = ''
  data: str = ''

  @property
  def processor_seconds(self) -> float:
    """All that the trial took."""
    return self.cpu_seconds + self.process_cpu_seconds

  @property
  def about(self) -> dict[str, str]:
    """With what the trial was computed."""
    return {'device': self.device, 'code': self.code, 'data': self.data}

  def save(self, path: str | os.PathLike[str]) -> None:
    """Writes a file, whole or not at all."""
    files.write(path, json.dumps(dataclasses.asdict(self)) + '\n')

  @classmethod
  def load(
    cls, path: str | os.PathLike[str], key: str | None = None
  ) -> Outcome | None:
    """The outcome of a trial; None if there is none, or of another trial.

    Args:
      path: Of the file.
      key: Of the trial; None for whatever trial it is.
    """
    try:
      # As long as its losses are.
      text = pathlib.Path(path).read_text('utf-8')
      values = {**_ADDED, **safe_json.parse(text)}
      lists = {name: tuple(values[name]) for name in ('losses', *_ADDED)}
      found = cls(**{**values, **lists})
    except (OSError, ValueError, TypeError, KeyError):
      return None
    return found if key in (None, found.key) else None

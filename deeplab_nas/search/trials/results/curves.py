"""What TensorBoard shows of a study; needs no TensorFlow.

The run of the folder has a point for each trial, at its number: its scores, by
the length of trials, and the best so far. Each trial is a run of its own beside
it, with the losses of its steps and, at its end, its scores.
"""

from __future__ import annotations

import math
import pathlib
import time
from collections.abc import Iterable, Sequence

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.summary.writer import record_writer

from deeplab_nas import wording
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.trials import (
  history,
  hypervolume,
  outcome,
  strategy,
)

_PREFIX = 'events.out.tfevents'
_VERSION = 'brain.Event:2'


class Curves:
  """Writes the events of one session.

      curves = Curves(directory, study, ledger.trials)
      curves.add(trial)   # one that has ended

  The points of trials that had ended before are written anew, so that a study
  that was killed lacks none.
  """

  def __init__(
    self,
    run: run_directory.RunDirectory,
    study: strategy.Study,
    trials: Iterable[strategy.Trial] = (),
  ):
    """Replaces the points of earlier sessions.

    Args:
      run: The folder.
      study: Names the objectives.
      trials: Of earlier sessions.
    """
    self._run = run
    self._study = study
    self._best: strategy.Trial | None = None
    self._added: list[strategy.Trial] = []
    run.tensorboard.mkdir(exist_ok=True)
    for path in run.tensorboard.glob(f'{_PREFIX}.*'):
      path.unlink()
    self._file = _EventFile(run.tensorboard)
    for trial in trials:
      if not trial.is_pending:
        self.add(trial)

  def add(self, trial: strategy.Trial) -> None:
    """A point for a trial that has ended; nothing if it failed."""
    if trial.scores is None:
      return
    names = dict.fromkeys((*self._study.objectives, *wording.SCORES))
    scores = {name: trial.scores[name] for name in names}
    so_far = [trial] if self._best is None else [self._best, trial]
    self._best = best = history.best_trial(self._study, so_far)
    length = f'trials of {trial.fidelity.title}'
    values = {f'{length}/{name}': value for name, value in scores.items()}
    values |= {f'best so far/{name}': best.scores[name] for name in names}
    values['seconds of a trial'] = trial.seconds
    self._added.append(trial)
    share = hypervolume.share(
      self._study, sorted(self._added, key=lambda t: t.number)
    )
    if share is not None:
      values['hypervolume of the front'] = share
    self._file.write([(trial.number, values)])
    self._add_steps(trial, scores)

  def _add_steps(self, trial: strategy.Trial, scores: dict[str, float]) -> None:
    name = f'{trial.number:04d}'
    found = outcome.Outcome.load(self._run.trials / name / 'outcome.json')
    folder = self._run.tensorboard / name
    if found is None or any(folder.glob(f'{_PREFIX}.*')):
      return
    folder.mkdir(exist_ok=True)
    losses = [{'train/loss': loss} for loss in found.losses]
    last = {f'val/{key}': value for key, value in scores.items()}
    file = _EventFile(folder)
    file.write([*enumerate(losses, 1), (len(losses), last)])


class _EventFile:
  """Scalars in a new file of a folder, as TensorBoard reads them."""

  def __init__(self, folder: pathlib.Path):
    now = time.time()
    self._path = folder / f'{_PREFIX}.{int(now)}.{time.time_ns() % 10**9}'
    self._append([event_pb2.Event(wall_time=now, file_version=_VERSION)])

  def write(self, points: Sequence[tuple[int, dict[str, float]]]) -> None:
    """Adds pairs of a step and values by tag, as far as they are finite."""
    self._append(
      [
        event_pb2.Event(
          wall_time=time.time(), step=step, summary=_summary(values)
        )
        for step, values in points
      ]
    )

  def _append(self, events: Sequence[event_pb2.Event]) -> None:
    with open(self._path, 'ab') as file:
      writer = record_writer.RecordWriter(file)
      for event in events:
        writer.write(event.SerializeToString())


def _summary(values: dict[str, float]) -> summary_pb2.Summary:
  return summary_pb2.Summary(
    value=[
      summary_pb2.Summary.Value(tag=tag, simple_value=value)
      for tag, value in values.items()
      if math.isfinite(value)
    ]
  )

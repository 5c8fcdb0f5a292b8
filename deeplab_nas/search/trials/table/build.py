"""Fills the table: trials in processes of this machine, row by row."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
import shutil
import time
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from absl import logging

from deeplab_nas import errors
from deeplab_nas.data import dataset_info
from deeplab_nas.search.trials import driver, executor, outcome, strategy
from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials.table import protocol as protocol_lib
from deeplab_nas.search.trials.table import rows as rows_lib

_TICK_SECONDS = 1.0
_TIMEOUT = 600.0


class Builder:
  """Trains what is to be rows.

  builder = Builder(protocol, 'camvid_tfrecord', folder)
  for row in builder.run(plan.keys(protocol)):
    table.append(row)
  """

  def __init__(
    self,
    protocol: protocol_lib.Protocol,
    data_dir: str,
    folder: pathlib.Path,
    num_workers: int = 1,
  ):
    """Starts nothing.

    Args:
      protocol: Of the trials.
      data_dir: Folder of the TFRecord shards.
      folder: For what the processes write.
      num_workers: Of one thread each.

    Raises:
      UserError: If the data is missing, or has another number of classes.
    """
    self._config = protocol.config(data_dir)
    info = dataset_info.DatasetInfo.load(data_dir)
    errors.require(
      info.num_classes == protocol.num_classes,
      f'{data_dir} has {info.num_classes} classes, the table is of'
      f' {protocol.num_classes}.',
    )
    self._widths = protocol.widths()
    self._folder, self._num_workers = folder, num_workers

  def run(
    self, keys: Iterable[rows_lib.Key], seconds: float | None = None
  ) -> Iterator[rows_lib.Row]:
    """Rows as they come.

    Args:
      keys: Of the trials, in their order.
      seconds: After which no trial is begun; None for no limit.
    """
    self._folder.mkdir(parents=True, exist_ok=True)
    pool = executor.LocalExecutor(
      self._config.to_dict(),
      self._num_workers,
      _TIMEOUT,
      self._folder / 'log.txt',
    )
    end = None if seconds is None else time.monotonic() + seconds
    try:
      yield from _Run(pool, self._jobs(keys)).rows(end)
    finally:
      pool.cancel()

  def _jobs(self, keys: Iterable[rows_lib.Key]) -> Iterator[_KeyedJob]:
    for number, key in enumerate(keys):
      fidelity = strategy.Fidelity(key.steps)
      filters = self._widths.of(strategy.Proposal(key.genotype, fidelity))
      if filters is None:
        raise errors.UserError(
          f'No width of {key.genotype.digest} is within'
          f' {self._widths.budget:g} multiply-adds.'
        )
      folder = self._folder / f'{number:05d}'
      yield _KeyedJob(
        key,
        job_lib.Job(number, key.genotype, fidelity, key.seed, filters, folder),
      )


class _KeyedJob(NamedTuple):
  key: rows_lib.Key
  job: job_lib.Job


class _Run:
  """What is under way."""

  def __init__(
    self, pool: executor.LocalExecutor, waiting: Iterator[_KeyedJob]
  ):
    self._pool, self._waiting = pool, waiting
    self._again: list[_KeyedJob] = []
    self._running: dict[int, _KeyedJob] = {}
    self._losses: collections.Counter[int] = collections.Counter()

  def rows(self, end: float | None) -> Iterator[rows_lib.Row]:
    while True:
      while len(self._running) < self._pool.capacity:
        item = self._next(end)
        if item is None:
          break
        self._running[item.job.number] = item
        self._pool.submit(item.job)
      if not self._running:
        return
      for ended in self._pool.wait(_TICK_SECONDS):
        row = self._row(ended)
        if row is not None:
          yield row

  def _next(self, end: float | None) -> _KeyedJob | None:
    if self._again:
      return self._again.pop()
    if end is not None and time.monotonic() >= end:
      return None
    return next(self._waiting, None)

  def _row(self, ended: executor.Ended) -> rows_lib.Row | None:
    """None of a trial that is to be done again."""
    item = self._running.pop(ended.job.number)
    job = item.job
    found = outcome.Outcome.load(job.outcome, job.key)
    shutil.rmtree(job.folder, ignore_errors=True)
    if found is None:
      self._losses[job.number] += 1
      reason = ended.loss or 'its outcome cannot be read'
      logging.warning('%s was lost (%s).', item.key, reason)
      if self._losses[job.number] < driver.MAX_TRIES:
        self._again.append(item)
        return None
      found = outcome.Outcome(job.key, failure=reason)
    return rows_lib.Row.of(item.key, job.filter_multiplier, found)


@dataclasses.dataclass(frozen=True)
class Rebuilt:
  """A row beside the same trial done once more.

  Attributes:
    old: Of the table.
    new: Of this machine.
  """

  old: rows_lib.Row
  new: rows_lib.Row

  @property
  def differences(self) -> dict[str, float]:
    """New less old, of the scores and costs that differ; NaN if one failed."""
    old, new = self.old.scores or {}, self.new.scores or {}
    names = old.keys() & new.keys() or old.keys() | new.keys()
    found = {
      name: new.get(name, float('nan')) - old.get(name, float('nan'))
      for name in names
    }
    return {name: value for name, value in found.items() if value != 0}

  def to_text(self) -> str:
    """A line for each score, and what differs."""
    lines = [f'{self.old.key}: {self.old.device}; now {self.new.device}']
    old, new = self.old.scores or {}, self.new.scores or {}
    for name in ('cross_entropy', 'miou', 'loss_sum'):
      lines.append(
        f'  {name:<14}{old.get(name, float("nan")):<12g}'
        f'now {new.get(name, float("nan")):g}'
      )
    lines += [
      f'  failed: {row.failure}' for row in (self.old, self.new) if row.failure
    ]
    differing = ', '.join(sorted(self.differences)) or 'nothing'
    return '\n'.join([*lines, f'  differs in {differing}.'])

"""The end of a search whose strategy decides when the weights are trained."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from absl import logging

from deeplab_nas import files
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.nn.supernet import supernet as supernet_lib
from deeplab_nas.report import callbacks as report_callbacks
from deeplab_nas.report import picture_log
from deeplab_nas.report import text as report_text
from deeplab_nas.run import cluster, devices, stop_signals
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import genotype_log
from deeplab_nas.search.relaxed import searcher as searcher_lib
from deeplab_nas.search.relaxed.scoring import score_log, shared_weights
from deeplab_nas.space import genotype as genotype_lib

_SECONDS_BETWEEN_LINES = 20


def run(
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  searcher: searcher_lib.Searcher,
  directory: run_directory.RunDirectory,
) -> str:
  """Lets the strategy decide, and writes what it found.

  Each score is on the disk at once: whoever is killed goes on by the scores of
  before. Of several workers the first one scores, and the others wait for what
  it says.

  Args:
    config: Every setting.
    info: The description of the data.
    searcher: With trained weights; its strategy is a `strategy.Concluding`.
    directory: Of the run.

  Returns:
    How it decided, for the summary.

  Raises:
    KeyboardInterrupt: After Ctrl-C.
    Preempted: After SIGTERM.
  """
  strategy = searcher.strategy
  scores = _Scores(config, info, searcher, directory)
  with stop_signals.StopSignals() as stop, stop.deferred():
    strategy.conclude(lambda genotype: scores.of(genotype, stop))
  state = searcher.arch_state()
  genotype_log.save(directory, state)
  pictures = picture_log.of_arch(
    state,
    f'{directory.path.name}, after the evolution',
    report_callbacks.costs_of(config, info),
  )
  for name, png in pictures.items():
    files.write(directory.pictures / f'{name}.png', png)
  return described(scores.values, strategy.settings.population_size)


def evaluator(
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  searcher: searcher_lib.Searcher,
) -> shared_weights.SharedWeights:
  """Scores by the weights as they are now; arguments as in `run`."""
  settings = searcher.strategy.settings
  return shared_weights.of_halves(
    config,
    info,
    _on_one_device(searcher, config.search.precision),
    settings.recalibration_batches,
    settings.num_images,
  )


def _on_one_device(
  searcher: searcher_lib.Searcher, precision: str
) -> supernet_lib.Supernet:
  """The supernet; of several replicas, one of the same weights."""
  supernet = searcher.supernet
  if searcher.distribute_strategy.num_replicas_in_sync == 1:
    return supernet
  twin = supernet_lib.Supernet(
    searcher.space, supernet.num_classes, precision=precision
  )
  for target, source in zip(
    twin.trainable_variables, supernet.trainable_variables
  ):
    target.assign(tf.convert_to_tensor(source))
  return twin


class _Scores:
  """The scores of a conclusion, and their log.

  Attributes:
    values: In the order in which they were asked for.
  """

  def __init__(
    self,
    config: config_lib.Config,
    info: dataset_info.DatasetInfo,
    searcher: searcher_lib.Searcher,
    directory: run_directory.RunDirectory,
  ):
    self._distribution = searcher.distribute_strategy
    self._is_chief = cluster.is_chief(config.runtime)
    self._most = searcher.strategy.num_scored
    self._evaluate = evaluator(config, info, searcher)
    settings = searcher.strategy.settings
    self._log = score_log.ScoreLog(
      directory.scores,
      {
        'weights': shared_weights.digest(self._evaluate.supernet),
        'data': dataset_info.digest(config.data.dir),
        'recalibration_batches': settings.recalibration_batches,
        'num_images': settings.num_images,
      },
    )
    self.values: list[float] = []
    self._seconds: list[float] = []
    logging.info(
      'The weights are trained: up to %d architectures are scored, of which'
      ' %d were before.',
      self._most,
      len(self._log),
    )

  def of(
    self, genotype: genotype_lib.Genotype, stop: stop_signals.StopSignals
  ) -> float:
    """The cross-entropy of half B; ends the run where that is asked for."""
    if devices.any_of(self._distribution, [stop.is_asked])[0]:
      logging.info('Stopped after %d scores.', len(self.values))
      stop.end()
    own = self._own(genotype) if self._is_chief else 0.0
    # Workers sum whole numbers: the bits of one score and zeros.
    bits = np.array([own]).view(np.int64) * self._is_chief
    value = devices.sum_of_workers(self._distribution, bits).view(np.float64)[0]
    self.values.append(float(value))
    logging.log_every_n_seconds(
      logging.INFO,
      '%s',
      _SECONDS_BETWEEN_LINES,
      progress(self.values, self._most, self._seconds),
    )
    return self.values[-1]

  def _own(self, genotype: genotype_lib.Genotype) -> float:
    if genotype not in self._log:
      began = time.monotonic()
      self._log.add(genotype, self._evaluate(genotype))
      self._seconds.append(time.monotonic() - began)
    return self._log[genotype][shared_weights.CROSS_ENTROPY]


def progress(
  values: Sequence[float], most: int, seconds: Sequence[float]
) -> str:
  """How far an evolution is, in a line.

  Args:
    values: Losses so far.
    most: How many architectures are scored.
    seconds: What each took that was scored here; of a worker that waits for
      the first one there are none, and then nothing is said of what is left.
  """
  found = (
    f'{len(values)} of {most} architectures: the best has cross-entropy'
    f' {_best(values):.4f}'
  )
  if not seconds:
    return f'{found}.'
  left = np.mean(seconds) * (most - len(values))
  return f'{found}; {report_text.duration(left)} left.'


def described(values: list[float], num_random: int) -> str:
  """What an evolution came to, in a sentence.

  Args:
    values: Losses, in the order of scoring.
    num_random: How many of the first ones chance drew.
  """
  return (
    f'Evolution scored {len(values)} architectures by the shared weights: the'
    f' best has\ncross-entropy {_best(values):.4f}, the best of the first'
    f' {min(num_random, len(values))}, which are random,'
    f' {_best(values[:num_random]):.4f}.'
  )


def _best(values: Sequence[float]) -> float:
  """NaN if none is finite."""
  return min(filter(math.isfinite, values), default=math.nan)

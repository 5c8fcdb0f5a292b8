"""Another architecture of a search: the best within a budget.

Reads what a search keeps in its run folder: alpha and beta, by which every
architecture has a score, or the trials of a study, which have scores of their
own. TensorFlow is not needed.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Union

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.report import text as report_text
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import next_training, strategies
from deeplab_nas.search.trials.results import candidates as candidates_lib
from deeplab_nas.space import arch_weights, cost, decode, latency

_UNITS = {
  'latency_ms': (1, 'ms'),
  'macs': (1, 'multiply-adds'),
  'cell_macs': (1, 'multiply-adds in cells'),
  'params': (1, 'parameters'),
  'activation_bytes': (1e6, 'MB of activations'),
}


@dataclasses.dataclass(frozen=True)
class Relaxed:
  """What a search by gradients has learnt, and how its networks are counted.

  Attributes:
    weights: alpha and beta at its end, normalised.
    score: Of paths, the search's own.
    model: Counts what its architectures cost.
    filter_multiplier: F that was asked for; None for that of the settings.
  """

  weights: arch_weights.ArchWeights
  score: str
  model: cost.CostModel
  filter_multiplier: float | None = None

  def best(
    self, num: int, budget: Mapping[str, float] | None = None
  ) -> list[decode.Candidate]:
    """The architectures of the highest scores, the best first.

    Args:
      num: How many.
      budget: The most that they may cost, see `decode.decode`.

    Raises:
      UserError: If none is within the budget, with the cheapest.
    """
    try:
      return decode.k_best_genotypes(
        self.weights, self.model.space, num, self.score, budget, self.model
      )
    except ValueError as error:
      text = str(error)
      raise errors.UserError(f'Nothing can be picked: {text}.') from error

  def heading(self) -> str:
    """Which networks are counted."""
    height, width = self.model.image_size
    return (
      f'Networks of F = {self.model.space.filter_multiplier:g} for'
      f' {self.model.num_classes} classes at {height} x {width} pixels'
    )

  def columns(self) -> list[str]:
    """Titles of what `cells` gives."""
    return ['score']

  def cells(self, candidate: decode.Candidate) -> list[str]:
    """What is known of a candidate besides its costs."""
    return [f'{candidate.score:.3f}']

  def model_of(self, candidate: decode.Candidate) -> cost.CostModel:
    """Counts what it costs."""
    del candidate  # all have one width
    return self.model

  def width_of(self, candidate: decode.Candidate) -> float | None:
    """F to train it with; None where the settings have it."""
    del candidate
    return self.filter_multiplier

  @property
  def unlimited_note(self) -> str:
    """What the best without limits is."""
    return 'the best without limits'


Search = Union[Relaxed, candidates_lib.Candidates]
Candidate = Union[decode.Candidate, candidates_lib.Candidate]


def read(
  run_dir: str | os.PathLike[str],
  image_size: tuple[int, int] | None = None,
  filter_multiplier: float | None = None,
  latency_table: str | None = None,
) -> Search:
  """Reads the run folder of a search.

  Args:
    run_dir: The folder.
    image_size: (height, width) of the images to count for; None for that of
      the table, else of the training crops.
    filter_multiplier: F of the networks; None for `network.filter_multiplier`,
      and for the width of each trial in a search by trials.
    latency_table: File of a table of this machine; None for no latency.

  Raises:
    UserError: If the folder holds no search with its weights or trials, or a
      value does not fit.
  """
  run = run_directory.RunDirectory(run_dir)
  continuation.check_is_search(run)
  _check_has_results(run)
  config = config_lib.load(os.fspath(run.config))
  space = config.space.build()
  latencies = latency_table and latency.load(latency_table, image_size)
  if image_size is None:
    image_size = latencies.image_size if latencies else config.data.crop_size
  try:
    model = config.network.cost_model(
      space, _num_classes(run, config), image_size
    )
    if filter_multiplier is not None:
      model = model.with_filter_multiplier(filter_multiplier)
    model = dataclasses.replace(model, latencies=latencies or None)
    if strategies.is_by_trials(config.search.strategy):
      return candidates_lib.read(
        run, model, config.search.objectives[0], filter_multiplier
      )
    weights = arch_weights.load(run.arch_weights, space)
  except ValueError as error:
    raise errors.UserError(f'The search cannot be read: {error}.') from error
  return Relaxed(weights, config.search.decode, model, filter_multiplier)


def describe(
  search: Search,
  candidates: Sequence[Candidate],
  unlimited: Candidate,
  budget: Mapping[str, float],
) -> str:
  """A table: what was picked, what comes next, what was found without limits.

  Args:
    search: What it was read from.
    candidates: Within the budget, the best first, which is the one picked.
    unlimited: The best of all.
    budget: The limits.
  """
  model = search.model
  limits = ', '.join(
    f'{report_text.count(value / _UNITS[name][0])} {_UNITS[name][1]}'
    for name, value in budget.items()
  )
  title = f'{search.heading()}, within {limits or "no limits"}:'
  rows = [_row(search, each) for each in candidates]
  marks = ['*'] + [' '] * (len(rows) - 1)
  if unlimited.genotype not in [each.genotype for each in candidates]:
    rows.append(_row(search, unlimited))
    marks.append('-')
  latency_column = ['latency'] if model.latencies else []
  rows.insert(
    0, ['architecture', *search.columns(), *_COSTS, *latency_column, 'path']
  )
  widths = [max(map(len, column)) for column in zip(*rows)]
  lines = [
    f'{mark} ' + '  '.join(map(str.rjust, row, widths))
    for mark, row in zip([' ', *marks], rows)
  ]
  notes = '* picked' + (f', - {search.unlimited_note}' if '-' in marks else '')
  notes += '; the path as strides'
  if model.latencies:
    notes += f'; latency on {model.latencies.place_text()}'
  return '\n'.join([title, *lines, f'{notes}.'])


def training_line(
  run_dir: str | os.PathLike[str],
  genotype: str | os.PathLike[str],
  search: Search,
  candidate: Candidate,
) -> str:
  """The command that trains a network as the table counts it.

  Args:
    run_dir: Of the search.
    genotype: The file with the candidate.
    search: What was read from there.
    candidate: What was picked.
  """
  return next_training.line(
    run_directory.RunDirectory(run_dir),
    genotype,
    search.width_of(candidate),
  )


_COSTS = (
  'parameters',
  'multiply-adds',
  'of them in cells',
  'activations',
)


def _row(search: Search, candidate: Candidate) -> list[str]:
  genotype, model = candidate.genotype, search.model_of(candidate)
  parts = model.breakdown(genotype)
  whole = sum(parts.values(), cost.Cost())
  strides = (model.space.lattice.strides[level] for level in genotype.path)
  row = [
    genotype.digest,
    *search.cells(candidate),
    report_text.count(whole.params),
    report_text.count(whole.macs),
    f'{100 * parts["cells"].macs / whole.macs:.0f} %',
    f'{whole.activation_bytes / 1e6:.1f} MB',
  ]
  if model.latencies:
    row.append(f'{model.measure(genotype, "latency_ms"):.1f} ms')
  return [*row, '-'.join(map(str, strides))]


def _check_has_results(run: run_directory.RunDirectory) -> None:
  """Refuses a search that has found nothing yet."""
  errors.require(
    run.arch_weights.is_file() or run.candidates.is_file(),
    f'{run} has no {run.arch_weights.name} and no {run.candidates.name}: its'
    ' search has not finished an epoch or a trial, or is of an earlier release;'
    ' then start the search again with --resume --set=search.decode=product,'
    f' which writes {run.arch_weights.name}.',
  )


def _num_classes(
  run: run_directory.RunDirectory, config: config_lib.Config
) -> int:
  source = run.dataset if run.dataset.is_file() else config.data.dir
  known = config.data.dataset or None
  return dataset_info.DatasetInfo.load(source, known).num_classes

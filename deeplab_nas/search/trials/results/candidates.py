"""The architectures that a study has tried, read off its `candidates.json`.

So that one of them can be picked within limits; needs no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from deeplab_nas import errors, safe_json, wording
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import files as run_files
from deeplab_nas.search.trials import strategy
from deeplab_nas.space import cost, genotype_source, latency, widest
from deeplab_nas.space import genotype as genotype_lib


class _Tried(NamedTuple):
  """A trial: its steps, scores by name, and whether it is on a front."""

  steps: int
  scores: dict[str, float]
  is_on_front: bool = False


@dataclasses.dataclass(frozen=True)
class Candidate:
  """An architecture that was tried.

  Attributes:
    genotype: The architecture.
    steps: Of its longest trials, which alone count.
    scores: Their means by name.
    model: Counts what it costs at the width of these trials.
    is_on_front: Whether it is on the Pareto front of several objectives.
  """

  genotype: genotype_lib.Genotype
  steps: int
  scores: Mapping[str, float]
  model: cost.CostModel
  is_on_front: bool = False

  def cost(self, name: str) -> float:
    """By a measure of `widest.MEASURES`, or in 'latency_ms'."""
    return self.model.measure(self.genotype, name)


@dataclasses.dataclass(frozen=True)
class Candidates:
  """All that a study has tried, the best first.

  What the study itself found is the best. The others follow by the mean score
  of their longest trials, those of the longest trials first: a score of fewer
  steps says less.

  Attributes:
    ranked: In this order.
    model: Counts what they cost, but for the width of each.
    objective: The score that ranks.
    is_one_width: Whether all are counted at one width, not at their own.
  """

  ranked: Sequence[Candidate]
  model: cost.CostModel
  objective: str
  is_one_width: bool

  def best(
    self, num: int, budget: Mapping[str, float] | None = None
  ) -> list[Candidate]:
    """The best ones within all limits, the best first.

    Args:
      num: How many.
      budget: The most that they may cost, by name.

    Raises:
      UserError: If none is within the limits, with the cheapest.
    """
    budget = budget or {}
    found = [
      each
      for each in self.ranked
      if all(each.cost(name) <= most for name, most in budget.items())
    ]
    if found:
      return found[:num]
    limits, cheapest = [], []
    for name, most in budget.items():
      limits.append(f'{most:,.4g} {widest.WORDS[name]}')
      least = min(self.ranked, key=lambda each, name=name: each.cost(name))
      cheapest.append(f'{least.cost(name):,.4g} ({least.genotype.digest})')
    raise errors.UserError(
      f'Nothing can be picked: none of {len(self.ranked)} architectures that'
      f' were tried has at most {" and ".join(limits)}: the cheapest has'
      f' {" and ".join(cheapest)}.'
    )

  def heading(self) -> str:
    """Which networks are counted."""
    width = (
      f'Networks of F = {self.model.space.filter_multiplier:g}'
      if self.is_one_width
      else 'Networks as wide as they were tried,'
    )
    height, breadth = self.model.image_size
    return (
      f'{width} for {self.model.num_classes} classes at {height} x {breadth}'
      ' pixels'
    )

  def columns(self) -> list[str]:
    """Titles of what `cells` gives."""
    names = [wording.score(name) for name in self._names]
    return [*names, 'steps', 'F', *(['front'] if self._has_front else [])]

  def cells(self, candidate: Candidate) -> list[str]:
    """What is known of a candidate besides its costs."""
    scores = [f'{candidate.scores[name]:.4g}' for name in self._names]
    width = candidate.model.space.filter_multiplier
    front = ['yes' if candidate.is_on_front else '']
    known = [*scores, str(candidate.steps), f'{width:g}']
    return [*known, *(front if self._has_front else [])]

  def model_of(self, candidate: Candidate) -> cost.CostModel:
    """Counts what it costs."""
    return candidate.model

  def width_of(self, candidate: Candidate) -> float:
    """F to train it with."""
    return candidate.model.space.filter_multiplier

  @property
  def unlimited_note(self) -> str:
    """What the best without limits is."""
    return 'what the search found'

  @property
  def _has_front(self) -> bool:
    return any(each.is_on_front for each in self.ranked)

  @property
  def _names(self) -> tuple[str, ...]:
    return tuple(dict.fromkeys((self.objective, *wording.SCORES)))


def read(
  run: run_directory.RunDirectory,
  model: cost.CostModel,
  objective: str,
  filter_multiplier: float | None = None,
) -> Candidates:
  """Reads the run folder of a study.

  Args:
    run: The folder.
    model: Counts what its networks cost, but for their widths.
    objective: The score that ranks them.
    filter_multiplier: F of all networks; None for that of their trials.

  Raises:
    UserError: If no trial has ended, the file is damaged, or the model's
      latencies do not cover a width.
  """
  by_genotype = _tried(run)
  errors.require(
    bool(by_genotype), f'{run} has no trial with a score yet: wait for one.'
  )
  names = {objective, *wording.SCORES, 'filter_multiplier'}
  for genotype, trials in by_genotype.items():
    is_whole = all(names <= set(tried.scores) for tried in trials)
    if not is_whole or genotype not in model.space:
      raise run_files.damaged(run.candidates, run_files.RESTORE)
  found = [
    _candidate(genotype, tried, model, filter_multiplier)
    for genotype, tried in by_genotype.items()
  ]
  for each in found:
    _check_latencies(each)
  chosen = genotype_source.read(run.genotype)
  sign = -1 if objective in strategy.LARGER_IS_BETTER else 1

  def rank(each: Candidate) -> tuple[bool, int, float]:
    score = sign * each.scores[objective]
    return each.genotype != chosen, -each.steps, score

  one_width = filter_multiplier is not None
  if one_width:
    model = model.with_filter_multiplier(filter_multiplier)
  return Candidates(sorted(found, key=rank), model, objective, one_width)


def width_found(run_dir: str | os.PathLike[str]) -> float | None:
  """F at which a study tried longest what it found.

  Args:
    run_dir: Any folder or file.

  Returns:
    None if it is no folder of a study.

  Raises:
    UserError: If it is one, of which a file is damaged.
  """
  run = run_directory.RunDirectory(run_dir)
  if not (run.candidates.is_file() and run.genotype.is_file()):
    return None
  found = _tried(run).get(genotype_source.read(run.genotype))
  if not found:
    return None
  longest = max(found, key=lambda tried: tried.steps)
  return longest.scores.get('filter_multiplier')


def _tried(
  run: run_directory.RunDirectory,
) -> dict[genotype_lib.Genotype, list[_Tried]]:
  """Steps and scores of the search's trials, by architecture."""
  try:
    return _parse(run.candidates.read_text('utf-8'))
  except ValueError as error:
    raise run_files.damaged(run.candidates, run_files.RESTORE) from error


def _parse(content: str) -> dict[genotype_lib.Genotype, list[_Tried]]:
  """Steps and scores of the search's trials that have some."""
  found: dict[genotype_lib.Genotype, list[_Tried]] = {}
  try:
    for row in safe_json.parse(content):
      kind = row['fidelity'].get('evaluator', strategy.FROM_SCRATCH)
      is_of_search = row.get('phase', 'search') == 'search'
      is_trained = kind == strategy.FROM_SCRATCH
      if row['scores'] and is_of_search and is_trained:
        text = json.dumps(row['genotype'])
        genotype = genotype_lib.Genotype.from_json(text)
        steps = int(row['fidelity']['steps'])
        scores = {k: _finite(v) for k, v in row['scores'].items()}
        tried = _Tried(steps, scores, bool(row.get('is_on_front')))
        found.setdefault(genotype, []).append(tried)
  except (TypeError, AttributeError, LookupError, OverflowError) as error:
    raise ValueError('no list of trials') from error
  return found


def _finite(value: float) -> float:
  if not math.isfinite(value):
    raise ValueError(f'a score of {value}')
  return float(value)


def _candidate(
  genotype: genotype_lib.Genotype,
  tried: Sequence[_Tried],
  model: cost.CostModel,
  filter_multiplier: float | None,
) -> Candidate:
  most = max(each.steps for each in tried)
  longest = [each.scores for each in tried if each.steps == most]
  names = set.intersection(*map(set, longest))
  scores = {name: float(np.mean([s[name] for s in longest])) for name in names}
  width = filter_multiplier or scores['filter_multiplier']
  model = model.with_filter_multiplier(width)
  front = any(each.is_on_front for each in tried)
  return Candidate(genotype, most, scores, model, front)


def _check_latencies(candidate: Candidate) -> None:
  """Refuses a table that does not cover a width."""
  if candidate.model.latencies is None:
    return
  try:
    candidate.cost(widest.LATENCY)
  except latency.UntimedError as error:
    width = candidate.model.space.filter_multiplier
    raise errors.UserError(
      f'{candidate.genotype.digest} was tried with F = {width:g}, and {error}.'
    ) from error

"""Results of real trainings, from whichever file has them."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from deeplab_nas import errors, safe_json
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.trials import ledger, strategy
from deeplab_nas.search.trials.table import rows
from deeplab_nas.space import genotype as genotype_lib

Genotype = genotype_lib.Genotype


class Result(NamedTuple):
  """What one training gave.

  Attributes:
    genotype: Of the network.
    steps: Of the training.
    seed: Of weights, data order and augmentation.
    scores: By name.
  """

  genotype: Genotype
  steps: int
  seed: int
  scores: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class References:
  """One score of many architectures, after trainings of one length.

  Attributes:
    path: Where they come from.
    score: Its name.
    steps: Of the trainings.
    values: For each architecture the scores of its seeds, less being better.
  """

  path: str
  score: str
  steps: int
  values: Mapping[Genotype, tuple[float, ...]]


def read(
  path: str | os.PathLike[str],
  score: str = 'cross_entropy',
  steps: int | None = None,
) -> References:
  """Reads results of trainings; those that failed do not count.

  Args:
    path: The run folder of a search by trials, its candidates.json or
      ledger.db, or a table of trials such as the package's hb1.jsonl.
    score: Name of the score.
    steps: Of the trainings; None for the longest.

  Raises:
    UserError: If there is no such file, or it has no such score or length.
  """
  results = list(_results(pathlib.Path(path)))
  errors.require(bool(results), f'{path} has no training with a score yet.')
  known = sorted({each.steps for each in results})
  steps = known[-1] if steps is None else steps
  errors.require(
    steps in known,
    f'{path} has no training of {steps} steps: expected one of'
    f' {", ".join(map(str, known))}.',
  )
  results = [each for each in results if each.steps == steps]
  names = sorted(set.intersection(*(set(each.scores) for each in results)))
  errors.require(
    score in names,
    f'{path} has no score {score!r}: expected one of {", ".join(names)}.',
  )
  sign = -1 if score in strategy.LARGER_IS_BETTER else 1
  by_seed: dict[Genotype, dict[int, float]] = {}
  for each in results:
    found = by_seed.setdefault(each.genotype, {})
    found[each.seed] = sign * each.scores[score]
  values = {genotype: tuple(x.values()) for genotype, x in by_seed.items()}
  return References(os.fspath(path), score, steps, values)


def _results(path: pathlib.Path) -> Iterable[Result]:
  if path.is_dir():
    run = run_directory.RunDirectory(path)
    errors.require(
      run.candidates.is_file(),
      f'{path} has no {run.candidates.name}: give the run folder of a search'
      ' by trials of which one has ended.',
    )
    path = run.candidates
  errors.require(path.is_file(), f'There is no file or folder {path}.')
  if path.suffix == '.jsonl':
    return _of_table(rows.Table.load(path))
  if path.suffix == '.db':
    return _of_trials(ledger.read(path))
  try:
    return _of_candidates(safe_json.parse(path.read_text('utf-8')))
  except (OSError, ValueError, TypeError, LookupError) as error:
    raise errors.UserError(
      f'{path} holds no results of trainings: expected the folder of a search'
      ' by trials, its candidates.json or ledger.db, or a table of trials'
      ' (.jsonl).'
    ) from error


def _of_table(table: rows.Table) -> Iterable[Result]:
  for row in table:
    if row.scores is not None:
      yield Result(*row.key, row.scores)


def _of_trials(trials: Iterable[strategy.Trial]) -> Iterable[Result]:
  for trial in trials:
    if trial.scores is not None and trial.fidelity.is_trained:
      yield Result(
        trial.genotype, trial.fidelity.steps, trial.seed, trial.scores
      )


def _of_candidates(records: list) -> list[Result]:
  """Also of what was trained again: with other seeds, as long as a trial."""
  kinds = [
    record['fidelity'].get('evaluator', strategy.FROM_SCRATCH)
    for record in records
  ]
  return [
    Result(
      Genotype.from_json(json.dumps(record['genotype'])),
      int(record['fidelity']['steps']),
      int(record['seed']),
      dict(record['scores']),
    )
    for record, kind in zip(records, kinds)
    if record['scores'] and kind == strategy.FROM_SCRATCH
  ]

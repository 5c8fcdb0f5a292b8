"""The record of a study: every trial, in a SQLite file of the run's folder.

The file is an Optuna study, so that Optuna's own tools can read it. One process
writes it, which holds the lock of the folder. Each change is one transaction: a
process that is killed leaves the file as it was before the change or after it.
TensorFlow is not imported here.
"""

from __future__ import annotations

import datetime
import json
import os
import pathlib
import sqlite3
import warnings
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import optuna

from deeplab_nas import errors, files
from deeplab_nas.search.trials import strategy
from deeplab_nas.space import genotype as genotype_lib

_STUDY = 'study'
_PROPOSAL = 'proposal'
_OUTCOME = 'outcome'
_ABOUT = 'about'
_TRIES = 'lost'
_FACTS = 'facts'
_SECONDS = 'seconds'
_STATE = optuna.trial.TrialState


class Ledger:
  """The trials of a study, in the order of their proposals.

      ledger = Ledger('runs/first/ledger.db', ('cross_entropy',))
      trial = ledger.append(proposal, seed=7)
      ledger.finish(trial.number, scores={'cross_entropy': 0.9}, seconds=60)
      ledger.trials   # as another process would read them back

  Attributes:
    path: The file.
    objectives: Names of the scores that Optuna shows as the trials' values.
  """

  def __init__(self, path: str | os.PathLike[str], objectives: Sequence[str]):
    """Opens the file, or makes it.

    Args:
      path: Of the file; its folder exists.
      objectives: Of the study.

    Raises:
      UserError: If the file is no such ledger, or of other objectives.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    self.path = pathlib.Path(path)
    self.objectives = tuple(objectives)
    try:
      self._storage = _open(self.path, self.objectives)
      self._study = optuna.load_study(study_name=_STUDY, storage=self._storage)
      found = self._study.get_trials(deepcopy=False)
      self._ids = [trial._trial_id for trial in found]
      self._tries = [trial.user_attrs.get(_TRIES, 0) for trial in found]
      self._trials = [_read(trial) for trial in found]
      self._about = [trial.user_attrs.get(_ABOUT, {}) for trial in found]
      self._seconds = float(self._study.user_attrs.get(_SECONDS, 0.0))
      held = self._study.metric_names
    except errors.UserError:
      raise
    except Exception as error:  # of SQLite, SQLAlchemy, Optuna or JSON
      raise errors.UserError(
        f'{self.path} is no ledger of a study, or it is damaged'
        f' ({type(error).__name__}): restore it from a copy, or start again'
        ' with --overwrite.'
      ) from error
    if held and tuple(held) != self.objectives:
      raise errors.UserError(
        f'{self.path} is of a study of {", ".join(held)}, expected'
        f' {", ".join(self.objectives)}: resume with the same objectives.'
      )
    for number, trial in enumerate(found):
      # Killed between the two transactions of `finish`.
      if trial.state == _STATE.RUNNING and not self._trials[number].is_pending:
        self._close(number)

  @property
  def trials(self) -> tuple[strategy.Trial, ...]:
    """All so far, in the order of their numbers."""
    return tuple(self._trials)

  @property
  def seconds(self) -> float:
    """That the study has run, over all its sessions."""
    return self._seconds

  @seconds.setter
  def seconds(self, value: float) -> None:
    self._study.set_user_attr(_SECONDS, value)
    self._seconds = value

  def append(self, proposal: strategy.Proposal, seed: int) -> strategy.Trial:
    """Adds a trial that is pending."""
    trial = strategy.Trial(len(self._trials), proposal, seed)
    record = optuna.trial.FrozenTrial(
      number=trial.number,
      trial_id=-1,  # the storage gives it one
      state=_STATE.RUNNING,
      value=None,
      datetime_start=datetime.datetime.now(),
      datetime_complete=None,
      params={},
      distributions={},
      user_attrs={_PROPOSAL: _written(proposal, seed)},
      system_attrs={},
      intermediate_values={},
    )
    # Alone among Optuna's ways it makes a trial with all its facts at once.
    self._ids.append(
      self._storage.create_new_trial(self._study._study_id, record)
    )
    self._trials.append(trial)
    self._tries.append(0)
    self._about.append({})
    return trial

  def num_lost(self, number: int) -> int:
    """How often the trial of that number was lost with its process."""
    return self._tries[number]

  def lose(self, number: int) -> int:
    """Counts that a trial was lost; returns how often it was."""
    tries = self._tries[number] + 1
    self._set(number, _TRIES, tries)
    self._tries[number] = tries
    return tries

  def keep(self, facts: Mapping[str, Any]) -> None:
    """Notes what all sessions of the study have in common.

    Args:
      facts: Settings by name, in types that JSON knows.

    Raises:
      UserError: If an earlier session had others.
    """
    held = self._study.user_attrs.get(_FACTS)
    if held is None:
      self._study.set_user_attr(_FACTS, dict(facts))
      return
    for name, value in json.loads(json.dumps(facts)).items():
      if held.get(name) != value:
        raise errors.UserError(
          f'{self.path} is of a study with {name}={held.get(name)}, now it is'
          f' {value}: resume with the same settings, or choose another folder.'
        )

  def finish(
    self,
    number: int,
    scores: Mapping[str, float] | None = None,
    seconds: float = 0.0,
    failure: str | None = None,
    about: Mapping[str, str] | None = None,
  ) -> strategy.Trial:
    """Notes what came of a trial.

    Args:
      number: Of a trial that is pending.
      scores: Of a trial that succeeded, the objectives among them.
      seconds: That it took.
      failure: Why there are no scores, of one that failed.
      about: With what it was computed, for the record alone.

    Returns:
      The trial as it is now.

    Raises:
      ValueError: If the trial is not pending, or there is not exactly one of
        scores and failure.
    """
    trial = self._trials[number]
    if not trial.is_pending:
      raise ValueError(f'trial {number} is not pending')
    if (scores is None) == (failure is None):
      raise ValueError('expected either scores or a failure')
    outcome = {
      'scores': None if scores is None else dict(scores),
      'seconds': seconds,
      'failure': failure,
    }
    if about:
      self._set(number, _ABOUT, dict(about))
      self._about[number] = dict(about)
    self._set(number, _OUTCOME, outcome)
    self._trials[number] = trial._replace(**outcome)
    self._close(number)
    return self._trials[number]

  def export(
    self,
    path: str | os.PathLike[str],
    finals: Ledger | None = None,
    front: Collection[genotype_lib.Genotype] = (),
  ) -> None:
    """Writes all trials as a JSON file, for people and other programs.

    A list of objects: number, digest, genotype, parent, whether chance alone
    chose it, 'inherits' where it begins with the parent's weights, fidelity,
    seed, how often it was lost, scores, seconds, failure, device, code and
    data; null is what there is not. 'phase' is 'search', or 'final' of those
    that train an architecture again, which have numbers of their own. Of
    several objectives, 'is_on_front' says of the search's trials whether their
    architecture is on the Pareto front.

    Args:
      path: Of the file.
      finals: The record of trainings with fresh seeds.
      front: What the study finds.
    """
    rows = [{'phase': 'search', **self._row(t)} for t in self._trials]
    if len(self.objectives) > 1:
      for row, trial in zip(rows, self._trials):
        row['is_on_front'] = trial.genotype in front
    if finals is not None:
      rows += [{'phase': 'final', **finals._row(t)} for t in finals.trials]
    lines = ',\n'.join(json.dumps(row) for row in rows)
    files.write(path, f'[\n{lines}\n]\n' if rows else '[]\n')

  def close(self) -> None:
    """Lets go of the file."""
    self._storage.remove_session()
    self._storage.engine.dispose()

  def _row(self, trial: strategy.Trial) -> dict[str, Any]:
    written = _written(trial.proposal, trial.seed)
    return {
      'number': trial.number,
      'digest': trial.genotype.digest,
      **written,
      'lost': self.num_lost(trial.number),
      'scores': trial.scores,
      'seconds': round(trial.seconds, 2),
      'failure': trial.failure,
      **{
        key: self._about[trial.number].get(key)
        for key in ('device', 'code', 'data')
      },
    }

  def _set(self, number: int, key: str, value: Any) -> None:
    self._storage.set_trial_user_attr(self._ids[number], key, value)

  def _close(self, number: int) -> None:
    """The state of a finished trial, which only Optuna's tools read."""
    scores = self._trials[number].scores or {}
    values = [scores.get(name) for name in self.objectives]
    is_whole = all(value is not None and value == value for value in values)
    self._storage.set_trial_state_values(
      self._ids[number],
      _STATE.COMPLETE if is_whole else _STATE.FAIL,
      values if is_whole else None,
    )


def read(path: str | os.PathLike[str]) -> tuple[strategy.Trial, ...]:
  """The trials of a file, which a study may be writing; it stays as it is.

  Raises:
    UserError: If the file is no ledger.
  """
  optuna.logging.set_verbosity(optuna.logging.WARNING)
  place = f'{pathlib.Path(path).resolve().as_uri()}?mode=ro'
  try:
    storage = optuna.storages.RDBStorage(
      'sqlite://',
      engine_kwargs={'creator': lambda: sqlite3.connect(place, uri=True)},
      skip_table_creation=True,
    )
    study = optuna.load_study(study_name=_STUDY, storage=storage)
    found = tuple(map(_read, study.get_trials(deepcopy=False)))
    storage.remove_session()
    storage.engine.dispose()
  except Exception as error:  # of SQLite, SQLAlchemy, Optuna or JSON
    raise errors.UserError(
      f'{path} is no ledger of a study, or it is damaged'
      f' ({type(error).__name__}): restore it from a copy.'
    ) from error
  return found


def _open(
  path: pathlib.Path, objectives: tuple[str, ...]
) -> optuna.storages.RDBStorage:
  """The storage of a file, which is new where there is no file."""
  if not path.exists():
    # It is there when all its tables are: making them is many transactions.
    partial = path.with_name(f'.{path.name}.part')
    partial.unlink(missing_ok=True)
    _create(partial, objectives)
    os.replace(partial, path)
    files.flush(path.parent)
  return _storage(path)


def _create(path: pathlib.Path, objectives: tuple[str, ...]) -> None:
  storage = _storage(path)
  study = optuna.create_study(
    storage=storage,
    study_name=_STUDY,
    directions=[_direction(name) for name in objectives],
  )
  with warnings.catch_warnings():  # that names are a new thing
    warnings.simplefilter('ignore')
    study.set_metric_names(list(objectives))
  storage.remove_session()
  storage.engine.dispose()


def _storage(path: pathlib.Path) -> optuna.storages.RDBStorage:
  # A URL would give some characters of a path another meaning.
  return optuna.storages.RDBStorage(
    'sqlite://', engine_kwargs={'creator': lambda: sqlite3.connect(path)}
  )


def _direction(name: str) -> str:
  return 'maximize' if name in strategy.LARGER_IS_BETTER else 'minimize'


def _written(proposal: strategy.Proposal, seed: int) -> dict[str, Any]:
  """A proposal in types that JSON knows."""
  return {
    'genotype': json.loads(proposal.genotype.to_json()),
    'parent': proposal.parent,
    'is_random': proposal.is_random,
    **({'inherits': True} if proposal.inherits else {}),
    'fidelity': proposal.fidelity.to_dict(),
    'seed': seed,
  }


def _read(record: optuna.trial.FrozenTrial) -> strategy.Trial:
  """A trial as it was written."""
  facts = record.user_attrs
  written = facts[_PROPOSAL]
  proposal = strategy.Proposal(
    genotype_lib.Genotype.from_json(json.dumps(written['genotype'])),
    strategy.Fidelity(**written['fidelity']),
    written['parent'],
    written.get('is_random', False),  # not in those of before
    written.get('inherits', False),
  )
  return strategy.Trial(
    record.number, proposal, written['seed'], **facts.get(_OUTCOME, {})
  )

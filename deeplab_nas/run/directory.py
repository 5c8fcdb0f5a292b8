"""The folder of one run: where everything is.

    config.yaml           every setting
    run.json              mode; of each start command, versions, commit, and
                          when it has ended: how, and after which time
    genotype.json         the architecture: as it stands, or that is trained
    genotypes/            of a search: the architecture after each epoch
    arch_weights.json     of a search: alpha and beta as they stand, normalised
    scores.jsonl          of `single_path`: what its evolution scored, for
                          --resume
    dataset.json          classes, palette, counts of the data
    metrics.jsonl         one line of numbers for each epoch
    summary.txt           what was found
    pictures/             PNG files of the last epoch
    tensorboard/          for `tensorboard --logdir`
    checkpoints/          to resume from
    eval/                 what an evaluation measured
    best/                 of a training: the best weights
    ledger.db             of a search by trials: all of them, for --resume
    candidates.json       the same, for people and other programs
    trials/               the outcome of each, weights that others may begin
                          with, and what their processes said
    front/                of several objectives: the front's architectures
    finals.db             of what was found and the best random one: trained
                          again with other seeds
    finals/               the outcome of each of these
    .replaced/            the run before --overwrite, until the first epoch

`continuation` says whether a config may go on in it, `overwrite` how a new run
takes the place of an old one. Files are written whole or not at all. TensorFlow
is not imported here.
"""

from __future__ import annotations

import os
import pathlib

from deeplab_nas import errors, folder_lock
from deeplab_nas.data import dataset_info
from deeplab_nas.run import overwrite as run_overwrite


class RunDirectory:
  """Paths of one run.

      run = RunDirectory.create('runs/first')
      continuation.start(run, config, sys.argv)
      genotype.save(run.genotype)

  Attributes:
    path: The folder.
    resumed: Where the state of an earlier run is; itself but for workers.
  """

  def __init__(self, path: str | os.PathLike[str]):
    self.path = pathlib.Path(path)
    self.resumed = self
    self._lock: folder_lock.FolderLock | None = None
    self._changes = run_overwrite.Changes(
      self.path, [path.name for path in self.written], self._has_first_result
    )

  @classmethod
  def create(
    cls,
    path: str | os.PathLike[str],
    resume: bool = False,
    overwrite: bool = False,
  ) -> RunDirectory:
    """Makes the folder, or takes over one that is there.

    Args:
      path: The folder; its parents are made too.
      resume: Keeps the files of an earlier run, if there are any.
      overwrite: Moves the files of an earlier run, and only these, aside:
        `settle` removes them, `discard` puts them back.

    Raises:
      UserError: If the folder holds something and neither is chosen, or if
        files of other programs are where ours would go, or if another process
        writes to the folder.
    """
    run = cls(path)
    if resume and overwrite:
      raise errors.UserError('Choose one of --resume and --overwrite.')
    if run.path.exists() and not run.path.is_dir():
      raise errors.UserError(f'--run_dir={run.path} is a file, not a folder.')
    run.path.mkdir(parents=True, exist_ok=True)
    run._lock = folder_lock.take(run.path)
    if resume or overwrite:
      run._changes.recover()
    if any(run.path.iterdir()) and not (resume or overwrite):
      raise errors.UserError(
        f'--run_dir={run.path} is not empty: add --resume to continue the run'
        ' that it holds, or --overwrite to remove that and start again.'
      )
    # One that was killed before its provenance leaves an empty folder.
    foreign = [path.name for path in run.written if _has_content(path)]
    if foreign and not run.is_started:
      raise errors.UserError(
        f'--run_dir={run.path} holds {foreign[0]}, but not of a run of ours'
        f' (there is no {run.provenance.name}): choose another folder.'
      )
    run._changes.begin(overwrite)
    run.pictures.mkdir(exist_ok=True)
    return run

  def __fspath__(self) -> str:
    return os.fspath(self.path)

  def __str__(self) -> str:
    return str(self.path)

  def beside(self, ending: str) -> str:
    """A folder beside this one for what follows from it: 'runs/a_train'."""
    # '.' and 'runs/..' have no name to which an ending could be added.
    has_name = self.path.name not in ('', '..')
    return f'{self.path if has_name else self.path.resolve()}_{ending}'

  @property
  def is_started(self) -> bool:
    """Whether a run wrote its provenance here."""
    return self.provenance.is_file()

  @property
  def is_replacing(self) -> bool:
    """Whether the run that this one overwrites can still come back."""
    return self._changes.is_replacing

  @property
  def has_results(self) -> bool:
    """Whether an epoch or a trial ended here, or a network was imported."""
    return self.metrics.exists() or self._has_first_result()

  @property
  def has_checkpoint(self) -> bool:
    """Whether there is a state to resume from."""
    return _has_checkpoint(self.checkpoints)

  @property
  def has_best(self) -> bool:
    """Whether the weights of a best epoch, or imported ones, are here."""
    return _has_checkpoint(self.best)

  @property
  def has_weights(self) -> bool:
    return self.has_checkpoint or self.has_best

  def _has_first_result(self) -> bool:
    return self.has_weights or self.candidates.exists()

  @property
  def config(self) -> pathlib.Path:
    return self.path / 'config.yaml'

  @property
  def provenance(self) -> pathlib.Path:
    return self.path / 'run.json'

  @property
  def genotype(self) -> pathlib.Path:
    return self.path / 'genotype.json'

  @property
  def genotypes(self) -> pathlib.Path:
    return self.path / 'genotypes'

  def genotype_of_epoch(self, epoch: int) -> pathlib.Path:
    """The genotype after an epoch, counted from 1."""
    return self.genotypes / f'epoch_{epoch:04d}.json'

  @property
  def arch_weights(self) -> pathlib.Path:
    return self.path / 'arch_weights.json'

  @property
  def scores(self) -> pathlib.Path:
    return self.path / 'scores.jsonl'

  @property
  def dataset(self) -> pathlib.Path:
    return self.path / dataset_info.FILE_NAME

  @property
  def metrics(self) -> pathlib.Path:
    return self.path / 'metrics.jsonl'

  @property
  def summary(self) -> pathlib.Path:
    return self.path / 'summary.txt'

  @property
  def pictures(self) -> pathlib.Path:
    return self.path / 'pictures'

  @property
  def tensorboard(self) -> pathlib.Path:
    return self.path / 'tensorboard'

  @property
  def checkpoints(self) -> pathlib.Path:
    return self.path / 'checkpoints'

  @property
  def best(self) -> pathlib.Path:
    return self.path / 'best'

  @property
  def ledger(self) -> pathlib.Path:
    return self.path / 'ledger.db'

  @property
  def candidates(self) -> pathlib.Path:
    return self.path / 'candidates.json'

  @property
  def trials(self) -> pathlib.Path:
    return self.path / 'trials'

  @property
  def front(self) -> pathlib.Path:
    return self.path / 'front'

  @property
  def finals_ledger(self) -> pathlib.Path:
    return self.path / 'finals.db'

  @property
  def finals(self) -> pathlib.Path:
    return self.path / 'finals'

  @property
  def evaluations(self) -> pathlib.Path:
    return self.path / 'eval'

  def settle(self) -> None:
    """Keeps what this start has written; the run that it replaced is removed.

    To be called when there is a first result.
    """
    self._changes.settle()

  def discard(self) -> None:
    """Leaves the folder as it was before `create`, unless there are results."""
    self._changes.discard()

  @property
  def written(self) -> tuple[pathlib.Path, ...]:
    """All that a run writes; its provenance last.

    SQLite leaves a journal beside a database when it is killed, and takes it
    for that of whatever has the database's name then.
    """
    return (
      self.checkpoints,
      self.best,
      self.tensorboard,
      self.pictures,
      self.genotypes,
      self.genotype,
      self.arch_weights,
      self.scores,
      self.dataset,
      self.metrics,
      self.evaluations,
      self.ledger,
      _journal(self.ledger),
      self.candidates,
      self.trials,
      self.front,
      self.finals_ledger,
      _journal(self.finals_ledger),
      self.finals,
      self.summary,
      self.config,
      self.provenance,
    )


def _journal(database: pathlib.Path) -> pathlib.Path:
  return database.with_name(f'{database.name}-journal')


def _has_content(path: pathlib.Path) -> bool:
  return any(path.iterdir()) if path.is_dir() else path.exists()


def _has_checkpoint(folder: pathlib.Path) -> bool:
  return any(folder.glob('*.index'))

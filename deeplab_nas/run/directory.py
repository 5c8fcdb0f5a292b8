"""The folder of one run: where everything is, and what it was made with.

    config.yaml           every setting
    run.json              mode; command, versions and commit of each start
    genotype.json         the architecture: as it stands, or that is trained
    genotypes/            of a search: the architecture after each epoch
    dataset.json          of a training: classes, palette, counts of the data
    metrics.jsonl         one line of numbers for each epoch
    summary.txt           what was found
    pictures/             PNG files of the last epoch
    tensorboard/          for `tensorboard --logdir`
    checkpoints/          to resume from
    eval/                 what --mode=eval measured
    best/                 of a training: the best weights
    .replaced/            the run before --overwrite, until the first epoch

Files are written whole or not at all. TensorFlow is not imported here.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
from collections.abc import Sequence

from absl import logging

from deeplab_nas import errors, files, safe_yaml
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import files as run_files
from deeplab_nas.run import lock as run_lock
from deeplab_nas.run import provenance
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import genotype_source

# What a resumed run may not change: the checkpoint would not fit.
_FIXED_SECTIONS = {
  'search': ('space', 'search', 'data'),
  'train': ('network', 'train', 'data'),
}
_FREE_SETTINGS = (
  'data.dir',
  'data.cache',
  'data.max_val_images',
  'data.skip_corrupt_records',
  'search.decode',
  'train.init_from',
  'train.early_stopping_epochs',
)
_KINDS = {'search': 'a search', 'train': 'a training'}


class RunDirectory:
  """Paths of one run.

      run = RunDirectory.create('runs/first')
      run.write_provenance(config, sys.argv)
      genotype.save(run.genotype)

  Attributes:
    path: The folder.
    resumed: Where the state of an earlier run is; itself but for workers.
  """

  def __init__(self, path: str | os.PathLike[str]):
    self.path = pathlib.Path(path)
    self.resumed = self
    self._lock: run_lock.RunLock | None = None
    # What was here at the start, with the content of files.
    self._held: dict[pathlib.Path, bytes | None] = {}
    self._had_weights = False
    self._is_settled = False

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
    run._lock = run_lock.take(run.path)
    if resume or overwrite:
      run._recover()
    if any(run.path.iterdir()) and not (resume or overwrite):
      raise errors.UserError(
        f'--run_dir={run.path} is not empty: add --resume to continue the run'
        ' that it holds, or --overwrite to remove that and start again.'
      )
    foreign = [path.name for path in run._written if path.exists()]
    if foreign and not run.is_started:
      raise errors.UserError(
        f'--run_dir={run.path} holds {foreign[0]}, but not of a run of ours'
        f' (there is no {run.provenance.name}): choose another folder.'
      )
    if overwrite:
      run._move_aside()
    run._hold()
    run.pictures.mkdir(exist_ok=True)
    return run

  def __fspath__(self) -> str:
    return os.fspath(self.path)

  def __str__(self) -> str:
    return str(self.path)

  @property
  def is_started(self) -> bool:
    """Whether a run wrote its provenance here."""
    return self.provenance.is_file()

  @property
  def is_replacing(self) -> bool:
    """Whether the run that this one overwrites can still come back."""
    return self._replaced.is_dir()

  @property
  def has_results(self) -> bool:
    """Whether a run finished an epoch here, or a network was imported."""
    return self.metrics.exists() or self._has_weights

  @property
  def _has_weights(self) -> bool:
    return _has_checkpoint(self.checkpoints) or _has_checkpoint(self.best)

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
  def evaluations(self) -> pathlib.Path:
    return self.path / 'eval'

  @property
  def mode(self) -> str:
    """'search' or 'train', which the folder was started with."""
    return self._mode(run_files.RESTART)

  def _mode(self, remedy: str) -> str:
    mode = run_files.read(self.provenance, json.loads, remedy).get(
      'mode', 'search'
    )
    if mode not in _KINDS:
      raise run_files.damaged(self.provenance, remedy)
    return mode

  def check_is_training(self) -> None:
    """Raises a UserError unless a network was trained here.

    Its advice is for those who read the folder: it overwrites nothing.
    """
    if not self.is_started:
      raise errors.UserError(
        f'{self} is no run folder (there is no {self.provenance.name}): give'
        ' the --run_dir of a --mode=train.'
      )
    if self._mode(run_files.RESTORE) != 'train':
      raise errors.UserError(
        f'{self} holds a search, and a supernet is no trained network: train'
        f' what it found with --mode=train --genotype={self.genotype}.'
      )
    for path in (self.config, self.genotype, self.dataset):
      errors.require(
        path.is_file() or not self._has_weights,
        f'{path} is missing, without which the network cannot be built:'
        ' restore it from a copy.',
      )

  def write_provenance(
    self,
    config: config_lib.Config,
    argv: Sequence[str],
    mode: str = 'search',
  ) -> None:
    """Writes config.yaml, and adds this start to run.json.

    Raises:
      UserError: If the folder holds a run that `config` cannot continue.
    """
    starts = []
    if self.is_started:
      self._check_same(config, mode)
      starts = run_files.read(self.provenance, json.loads).get('starts', [])
      if not isinstance(starts, list):
        raise run_files.damaged(self.provenance)
    starts.append(provenance.collect(argv))
    files.write(self.config, config.to_yaml())
    record = json.dumps({'mode': mode, 'starts': starts}, indent=1)
    files.write(self.provenance, record + '\n')

  def _check_same(self, config: config_lib.Config, mode: str) -> None:
    if self.mode != mode:
      raise errors.UserError(
        f'--run_dir={self} holds {_KINDS.get(self.mode, self.mode)}, not'
        f' {_KINDS[mode]}: choose another folder.'
      )
    if _has_checkpoint(self.best) and not _has_checkpoint(self.checkpoints):
      raise errors.UserError(
        f'--run_dir={self} has weights in {self.best.name}/ but nothing in'
        f' {self.checkpoints.name}/ to resume from, as an imported network:'
        f' train it further with --init_from={self} and another --run_dir.'
      )
    if not self.config.is_file():
      return
    then = run_files.read(self.config, safe_yaml.parse)
    if not all(isinstance(values, dict) for values in then.values()):
      raise run_files.damaged(self.config)
    then = config_lib.with_current_names(then)
    now = config.to_dict()
    for section in _FIXED_SECTIONS[mode]:
      for key, value in now[section].items():
        if f'{section}.{key}' in _FREE_SETTINGS:
          continue
        earlier = then.get(section, {}).get(key)
        if earlier != value:
          raise errors.UserError(
            f'--run_dir={self} was started with {section}.{key}={earlier},'
            f' now it is {value}: resume with the same settings, or choose'
            ' another folder.'
          )

  def keep_genotype(self, genotype: genotype_lib.Genotype) -> None:
    """Writes the genotype that is trained, unless another one is."""
    if self.genotype.is_file() and self.has_results:
      held = genotype_source.read(self.genotype)
      if held != genotype:
        raise errors.UserError(
          f'--run_dir={self} trains genotype {held.digest}, not'
          f' {genotype.digest}: resume with --genotype={self.genotype}, or'
          ' choose another folder.'
        )
    genotype.save(self.genotype)

  def settle(self) -> None:
    """Keeps what this start has written; the run that it replaced is removed.

    To be called when there is a first result.
    """
    self._is_settled = True
    if self._replaced.is_dir():
      shutil.rmtree(self._replaced)

  def discard(self) -> None:
    """Leaves the folder as it was before `create`, unless there are results."""
    if self._is_settled or (self._has_weights and not self._had_weights):
      return
    if self._replaced.is_dir():
      self._put_back()
      return
    for path in self._written:
      if path not in self._held:
        _remove(path)
    for path, content in self._held.items():
      if content is not None:
        files.write(path, content)
    if self.path.is_dir() and not any(self.path.iterdir()):
      self.path.rmdir()

  @property
  def _written(self) -> tuple[pathlib.Path, ...]:
    """All that a run writes; its provenance last."""
    return (
      self.checkpoints,
      self.best,
      self.tensorboard,
      self.pictures,
      self.genotypes,
      self.genotype,
      self.dataset,
      self.metrics,
      self.evaluations,
      self.summary,
      self.config,
      self.provenance,
    )

  @property
  def _replaced(self) -> pathlib.Path:
    return self.path / '.replaced'

  @property
  def _moving(self) -> pathlib.Path:
    """The same while it is moved; what it holds belongs in the folder."""
    return self.path / '.replaced.moving'

  def _hold(self) -> None:
    self._had_weights = self._has_weights
    self._held = {
      path: path.read_bytes() if path.is_file() else None
      for path in self._written
      if path.exists()
    }

  def _move_aside(self) -> None:
    paths = [path for path in self._written if path.exists()]
    if not paths:
      return
    self._moving.mkdir()
    for path in paths:
      os.replace(path, self._moving / path.name)
    os.replace(self._moving, self._replaced)

  def _put_back(self) -> None:
    """Removes the new run, and puts the replaced one in its place."""
    for path in self._written:
      _remove(path)
    os.replace(self._replaced, self._moving)
    self._finish_moving()

  def _finish_moving(self) -> None:
    for path in self._moving.iterdir():
      os.replace(path, self.path / path.name)
    self._moving.rmdir()

  def _recover(self) -> None:
    """Tidies up after an --overwrite that was killed."""
    if self._moving.is_dir():
      self._finish_moving()
    if self._replaced.is_dir() and self._has_weights:
      shutil.rmtree(self._replaced)
    elif self._replaced.is_dir():
      logging.info(
        'The last --overwrite of %s was stopped before its first result: the'
        ' run before it is put back.',
        self,
      )
      self._put_back()


def _remove(path: pathlib.Path) -> None:
  if path.is_dir():
    shutil.rmtree(path)
  else:
    path.unlink(missing_ok=True)


def _has_checkpoint(folder: pathlib.Path) -> bool:
  return any(folder.glob('*.index'))

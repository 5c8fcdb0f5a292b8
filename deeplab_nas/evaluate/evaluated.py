"""An evaluation that was written to a run's folder, read again.

TensorFlow is not imported here.
"""

from __future__ import annotations

import dataclasses
import math
import os
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from deeplab_nas import commands, errors, safe_json, safe_yaml
from deeplab_nas.config import config as config_lib
from deeplab_nas.evaluate import image_counts
from deeplab_nas.run import directory as run_directory
from deeplab_nas.run import files as run_files

RESULTS, IMAGE_COUNTS = 'results.json', 'images.npz'
_AGAIN = 'evaluate that run again'


@dataclasses.dataclass(frozen=True)
class Evaluated:
  """One evaluation, and the run that it is of.

  Attributes:
    folder: Where it is, such as runs/a/eval/val.
    results: What `results.json` holds.
    images: The counts of every image.
    settings: Of the run, 'section.key' to value.
    seconds: What the training took; None if that was not noted.
  """

  folder: pathlib.Path
  results: Mapping[str, Any]
  images: image_counts.ImageCounts
  settings: Mapping[str, Any]
  seconds: float | None

  @classmethod
  def load(cls, path: str | os.PathLike[str], name: str = '') -> Evaluated:
    """Reads an evaluation.

    Args:
      path: The run folder of a training, or the folder of one evaluation.
      name: Of the evaluation in the run's folder; '' for the only one.

    Raises:
      UserError: If there is none, or a file is missing or damaged.
    """
    folder = _folder(pathlib.Path(path), name)
    results = run_files.read(folder / RESULTS, safe_json.parse, _AGAIN)
    costs = results.get('costs') or {}
    if not all(isinstance(x, dict) for x in (results.get('class_iou'), costs)):
      raise run_files.damaged(folder / RESULTS, _AGAIN)
    counts = folder / IMAGE_COUNTS
    errors.require(
      counts.is_file(),
      f'{folder} was written by an earlier release, without the counts of each'
      f' image ({IMAGE_COUNTS}): {_AGAIN}.',
    )
    images = image_counts.ImageCounts.from_bytes(
      counts.read_bytes(), str(counts)
    )
    if images.counts.shape[-1] != len(results['class_iou']):
      raise run_files.damaged(counts, _AGAIN)
    run = run_directory.RunDirectory(folder.parent.parent)
    return cls(folder, results, images, _settings(run), _seconds(run))

  @property
  def class_names(self) -> tuple[str, ...]:
    return tuple(self.results['class_iou'])

  @property
  def pixels(self) -> np.ndarray:
    """int64 [N, 3, C], hits, labelled and predicted."""
    return self.images.counts[:, image_counts.PIXELS]


def _folder(path: pathlib.Path, name: str) -> pathlib.Path:
  """The folder of the evaluation that is meant."""
  if (path / RESULTS).is_file():
    return path.resolve()
  evaluations = run_directory.RunDirectory(path.resolve()).evaluations
  found = sorted(x.parent.name for x in evaluations.glob(f'*/{RESULTS}'))
  if name in found:
    return evaluations / name
  errors.require(
    path.is_dir(),
    f'{path} is not there: give the run folders of two trainings.',
  )
  errors.require(
    bool(found),
    f'{path} holds no evaluation: run'
    f' {commands.line("eval", f"--run_dir={path}")} first.',
  )
  if name:
    raise errors.UserError(
      f'{path} has no evaluation {name}, only {", ".join(found)}.'
    )
  if len(found) > 1:
    raise errors.UserError(
      f'{path} has the evaluations {", ".join(found)}: choose one with'
      f' {commands.flag("evaluation", found[0])}.'
    )
  return evaluations / found[0]


def _settings(run: run_directory.RunDirectory) -> dict[str, Any]:
  """Those of config.yaml by 'section.key', and the defaults of the rest."""
  if not run.config.is_file():  # as of an evaluation that was copied
    return {}
  found = run_files.read(run.config, safe_yaml.parse, run_files.RESTORE)
  if not all(isinstance(values, dict) for values in found.values()):
    raise run_files.damaged(run.config, run_files.RESTORE)
  return {
    f'{section}.{key}': value
    for section, values in config_lib.of_run(found).items()
    for key, value in values.items()
    if section != 'eval' and f'{section}.{key}' != 'data.dir'
  }


def _seconds(run: run_directory.RunDirectory) -> float | None:
  """What all starts of the run took together, if each says it."""
  if not run.provenance.is_file():
    return None
  record = run_files.read(run.provenance, safe_json.parse, run_files.RESTORE)
  starts = record.get('starts')
  if not isinstance(starts, list) or not starts:
    return None
  seconds = [
    start.get('seconds') for start in starts if isinstance(start, dict)
  ]
  if not all(isinstance(x, (int, float)) and math.isfinite(x) for x in seconds):
    return None
  return float(sum(seconds)) if seconds else None

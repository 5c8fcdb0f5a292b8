"""What a run will take, from one measured step of each kind."""

from __future__ import annotations

import dataclasses
import pathlib
import resource
import sys

from deeplab_nas import wording
from deeplab_nas.config import presets
from deeplab_nas.report import text

_STATUS = pathlib.Path('/proc/self/status')


@dataclasses.dataclass(frozen=True)
class Estimate:
  """Measured times and the number of times each will pass.

      estimate = Estimate(
        startup_seconds=40, weight_step_seconds=0.5, val_image_seconds=0.1,
        peak_bytes=peak_bytes(), steps_per_epoch=100, epochs=40,
        num_val_images=50, arch_step_seconds=0.4, arch_start_epoch=20,
      )
      print(estimate.to_text())

  Attributes:
    startup_seconds: From the start until all kinds of steps have run once.
    weight_step_seconds: One further step of the weights.
    val_image_seconds: Validation, for each image.
    peak_bytes: The most memory that the process has had.
    steps_per_epoch: Steps of the weights in an epoch.
    epochs: Epochs of the run.
    num_val_images: Images of one validation.
    num_validations: How often these are validated; None for every epoch.
    recalibration_seconds: To take batch-norm statistics anew before one
      validation; 0 if none are.
    arch_step_seconds: One further step of alpha and beta; None in a training.
    arch_start_epoch: Epochs without steps of alpha and beta.
    num_scored: Architectures that are scored when all steps are done.
    score_seconds: For each of them.
    counted_bytes: What a step of a search holds, by count: the memory that an
      accelerator needs; None in a training.
  """

  startup_seconds: float
  weight_step_seconds: float
  val_image_seconds: float
  peak_bytes: int
  steps_per_epoch: int
  epochs: int
  num_val_images: int
  num_validations: int | None = None
  recalibration_seconds: float = 0.0
  arch_step_seconds: float | None = None
  arch_start_epoch: int = 0
  num_scored: int = 0
  score_seconds: float = 0.0
  counted_bytes: int | None = None

  @property
  def total_seconds(self) -> float:
    """The whole run: start, steps of both kinds, validations, scores."""
    num_arch_steps = self.steps_per_epoch * (
      self.epochs - self.arch_start_epoch
    )
    num_validations = (
      self.epochs if self.num_validations is None else self.num_validations
    )
    return (
      self.startup_seconds
      + self.steps_per_epoch * self.epochs * self.weight_step_seconds
      + num_arch_steps * (self.arch_step_seconds or 0.0)
      + num_validations * self.recalibration_seconds
      + num_validations * self.num_val_images * self.val_image_seconds
      + self.num_scored * self.score_seconds
    )

  def to_text(self) -> str:
    """A small table."""
    arch_rows = ()
    if self.arch_step_seconds is not None:
      seconds = f'{self.arch_step_seconds:.3f} s'
      arch_rows = (('one step of the architecture', seconds),)
    norm_rows = ()
    if self.recalibration_seconds:
      seconds = f'{self.recalibration_seconds:.3f} s'
      norm_rows = (('batch-norm statistics, each time', seconds),)
    score_rows = ()
    if self.num_scored:
      seconds = (
        f'{self.score_seconds:.3f} s, {self.num_scored} times at the end'
      )
      score_rows = (('score of one architecture', seconds),)
    rows = (
      ('until the first steps are done', text.duration(self.startup_seconds)),
      ('one step of the weights', f'{self.weight_step_seconds:.3f} s'),
      *arch_rows,
      *norm_rows,
      ('validation, each image', f'{self.val_image_seconds:.3f} s'),
      *score_rows,
      ('peak memory', f'{self.peak_bytes / 2**30:.2f} GiB'),
      *self._accelerator_rows(),
      (
        'the whole run, about',
        f'{text.duration(self.total_seconds)}'
        f' ({wording.counted(self.epochs, "epoch")} of'
        f' {wording.counted(self.steps_per_epoch, "step")},'
        f' {wording.counted(self.num_val_images, "validation image")} in each'
        ' validation)',
      ),
    )
    return '\n'.join(f'{name:<34}{value}' for name, value in rows)

  def _accelerator_rows(self) -> tuple[tuple[str, str], ...]:
    if self.counted_bytes is None:
      return ()
    preset = presets.smallest_for(self.counted_bytes)
    if preset is None:
      fits = (
        'no preset is made for that much: lower data.batch_size or'
        ' data.crop_size'
      )
    else:
      gib = presets.PRESETS[preset].accelerator_gib
      fits = f'fits {gib} GiB, as --config={preset} does'
    size = f'{self.counted_bytes / 2**30:.2f} GiB by count'
    return (('memory on an accelerator', f'{size}: {fits}'),)


def peak_bytes() -> int:
  """The most main memory that this process has had so far."""
  # `getrusage` of Linux hands the peak of a parent down to its children.
  if _STATUS.is_file():
    for line in _STATUS.read_text('utf-8').splitlines():
      if line.startswith('VmHWM:'):
        return int(line.split()[1]) * 1024
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak if sys.platform == 'darwin' else peak * 1024

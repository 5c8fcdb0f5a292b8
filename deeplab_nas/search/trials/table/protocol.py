"""How the trials of the table are trained; written into its first line."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from deeplab_nas import errors, safe_json
from deeplab_nas.config import config as config_lib
from deeplab_nas.search.trials import strategy, width
from deeplab_nas.search.trials.table import space

VERSION = 1

# As `camvid_compare` was when the table was begun, with smaller crops, fewer
# batches to recalibrate, twice the images in a batch and without class weights,
# which the cross-entropy of the score has not: pinned, so that a later preset
# changes no row.
SETTINGS: Mapping[str, Mapping[str, Any]] = {
  'data': {
    'crop_size': [65, 65],
    'batch_size': 16,
    'image_scale': 0.25,
    'min_scale': 0.75,
    'max_scale': 1.5,
    'scale_step': 0,
    'color_jitter': 0.25,
    'held_out_fraction': 0.2,
  },
  'network': {
    'stem_filters': [16, 16, 32],
    'head_filters': 32,
    'aspp_rates': [2, 4, 6],
    'separable_head': True,
    'batch_norm_momentum': 0.9,
  },
  'train': {
    'learning_rate': 0.3,
    'gradient_clip': 5.0,
    'class_weights': 'none',
    'ema_decay': 0.98,
    'recalibration_batches': 10,
    'keep': 'last',
  },
}


@dataclasses.dataclass(frozen=True)
class Protocol:
  """What all rows of a table have in common.

  Attributes:
    steps: Of the fidelities, ascending; each is a training with a schedule of
      its own.
    cell_macs: The most multiply-adds of the cells for a training crop; the
      filter multiplier of an architecture is the largest within it.
    num_classes: Of the data.
    settings: Of data, network and training, by section.
  """

  steps: tuple[int, ...] = (100, 200, 400)
  cell_macs: float = 1e7
  num_classes: int = 11
  settings: Mapping[str, Mapping[str, Any]] = dataclasses.field(
    default_factory=lambda: SETTINGS
  )

  @property
  def fidelities(self) -> tuple[strategy.Fidelity, ...]:
    """From the shortest to the full one."""
    return tuple(map(strategy.Fidelity, self.steps))

  def config(self, data_dir: str = '') -> config_lib.Config:
    """The settings of a study that has such trials.

    Args:
      data_dir: Folder of the TFRecord shards.
    """
    settings = {name: dict(values) for name, values in self.settings.items()}
    settings.setdefault('data', {})['dir'] = data_dir
    settings['search'] = {
      'strategy': 'random',
      'trial_steps': list(self.steps),
      'trial_budget': self.cell_macs,
    }
    return config_lib.Config.from_dict(settings)

  def widths(self) -> width.Widths:
    """The filter multipliers of the trials."""
    return width.from_config(self.config(), space.SPACE, self.num_classes)

  def to_line(self) -> str:
    """One line of JSON."""
    return json.dumps({'version': VERSION, **dataclasses.asdict(self)})

  @classmethod
  def from_line(cls, line: str) -> Protocol:
    """Reads what `to_line` has given.

    Raises:
      UserError: If the line is something else.
    """
    try:
      values = dict(safe_json.parse(line))
      version = values.pop('version')
      found = cls(**{**values, 'steps': tuple(values['steps'])})
      found.config()  # says whether the settings are some
      if not found.steps or sorted(set(found.steps)) != list(found.steps):
        raise ValueError('steps are no ascending numbers')
    except (
      ValueError,
      LookupError,
      TypeError,
      AttributeError,
      errors.UserError,
    ) as error:
      raise errors.UserError(
        'The file is no table of trials, whose first line is their protocol:'
        ' name another one.'
      ) from error
    errors.require(
      version == VERSION,
      f'The table has version {version}, this release reads {VERSION}.',
    )
    return found

"""With which settings to train what a search has found.

A search's own settings need not suit a training: the paper's network, with
batch-norm statistics for 1.5 million steps, learns nothing in a short run. Each
preset names its partner; settings of one's own, that say nothing of a network,
are followed by --config=auto.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from deeplab_nas.config import auto, presets
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import strategies as config_strategies

_SEARCH_ONLY = (
  'space.',
  'search.',
  'data.dir=',
  *(f'{strategy}.' for strategy in config_strategies.SECTIONS),
)
_OF_THE_DATA = (
  'dataset',
  'train_split',
  'val_split',
  'held_out_fraction',
  'skip_corrupt_records',
)
_TEACHER = 'train.init_from'
# Of the loss of a student's training, what its teacher says.
_DISTIL_SHARE = 0.5
_PAPER = 'paper_cityscapes_train'


def training_flags(
  config: config_lib.Config,
  name: str,
  overrides: Sequence[str],
  config_file: str | os.PathLike[str],
) -> tuple[str, ...]:
  """The flags of a training, but for genotype and run folder.

  Args:
    config: Every setting of the search.
    name: What --config of the search was; '' if that is not known.
    overrides: Texts of --set that the search was given.
    config_file: Where its settings are.

  Returns:
    Such as ('--config=camvid_train', '--data_dir=camvid_tfrecord').
  """
  carried = [text for text in overrides if not text.startswith(_SEARCH_ONLY)]
  if name in presets.PRESETS:
    chosen = presets.PRESETS[name].trained_by or name
  elif name == auto.NAME:
    chosen = name
  elif _says_how_to_train(config):
    chosen, carried = os.fspath(config_file), []
  else:
    chosen = _PAPER if config.data.dataset else auto.NAME
    carried = _of_the_data(config.data)
  flags = [f'--config={chosen}']
  if config.data.dir:
    flags.append(f'--data_dir={config.data.dir}')
  if config.search.strategy == config_strategies.EsnacConfig.NAME:
    carried = [text for text in carried if not text.startswith(_TEACHER)]
    if config.train.distil_share is None:
      carried.append(f'train.distil_share={_DISTIL_SHARE}')
    flags.append(f'--init_from={config.train.init_from}')
  flags += [f'--set={text.strip()}' for text in carried]
  if config.runtime.distribution != 'none':
    flags.append(f'--distribution={config.runtime.distribution}')
  return tuple(flags)


def _says_how_to_train(config: config_lib.Config) -> bool:
  """Whether network or training are any other than the defaults."""
  return (
    config.network != config_lib.NetworkConfig()
    or config.train != config_lib.TrainConfig()
  )


def _of_the_data(data: config_lib.DataConfig) -> list[str]:
  """Settings that say which images there are, as texts of --set."""
  default = config_lib.DataConfig()
  return [
    f'data.{key}={getattr(data, key)}'
    for key in _OF_THE_DATA
    if getattr(data, key) != getattr(default, key)
  ]

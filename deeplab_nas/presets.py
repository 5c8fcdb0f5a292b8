"""Named settings: what differs from the defaults of `config.py`, and why.

    python scripts/train.py --mode=search --config=quickstart --data_dir=...

Plain values, so that a preset reads like the YAML file that it could be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Preset:
  """Settings with a name.

  Attributes:
    description: What it is for, in one sentence.
    expected: What to expect of it: where, how long, which result.
    command: How to run it.
    settings: Values by section and key.
  """

  description: str
  expected: str
  command: str
  settings: Mapping[str, Mapping[str, Any]]


def _search(name: str, data_dir: str) -> str:
  return (
    f'python scripts/train.py --mode=search --config={name}'
    f' --data_dir={data_dir} --run_dir=runs/{name}'
  )


PRESETS: dict[str, Preset] = {
  'quickstart': Preset(
    description=(
      'A tiny search on the synthetic street scenes of'
      ' datasets/make_street_scenes.py: shows every part at work.'
    ),
    expected=(
      'Measured on two cores: a search of 2 min 40 s, supernet mIoU about'
      ' 26 %. So short a search mostly finds pooling and skips.'
    ),
    command='bash scripts/quickstart.sh',
    settings={
      'space': {'num_layers': 4, 'num_blocks': 2, 'filter_multiplier': 4},
      'data': {'crop_size': [97, 97], 'batch_size': 4},
      'search': {
        'epochs': 8,
        # Half of the epochs without alpha and beta, as in the paper.
        'arch_start_epoch': 4,
        'learning_rate': 0.05,
        'arch_learning_rate': 0.01,
      },
    },
  ),
  'camvid_small': Preset(
    description=(
      'The full lattice of 12 layers with a narrow network, for CamVid.'
    ),
    expected='About an hour on two cores.',
    command=_search('camvid_small', 'camvid_tfrecord'),
    settings={
      'space': {'filter_multiplier': 4},
      'data': {
        'crop_size': [97, 97],
        'batch_size': 8,
        'image_scale': 0.5,
        'min_scale': 0.75,
        'max_scale': 1.5,
      },
      'search': {
        'epochs': 24,
        'arch_start_epoch': 8,
        'learning_rate': 0.05,
        'gradient_clip': 5.0,
        # 352 steps are few: at the paper's 0.003 Adam could not move a logit
        # by more than 1.
        'arch_learning_rate': 0.01,
      },
    },
  ),
  'paper_cityscapes': Preset(
    description=(
      "The paper's search: half-resolution Cityscapes, 40 epochs, the first"
      ' 20 of them without the architecture.'
    ),
    expected=(
      'The paper: about 3 days on one P100, supernet mIoU about 35 % at the'
      ' end. We have not run it.'
    ),
    command=_search('paper_cityscapes', 'cityscapes_tfrecord'),
    settings={'data': {'image_scale': 0.5, 'cache': False}},
  ),
}

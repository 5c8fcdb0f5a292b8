r"""Named settings: what differs from the defaults of `config.py`, and why.

    python scripts/train.py --mode=search --config=quickstart --data_dir=...
    python scripts/train.py --mode=train --config=quickstart --data_dir=... \
        --genotype=...

Plain values, so that a preset reads like the YAML file that it could be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from deeplab_nas.space import widths


@dataclasses.dataclass(frozen=True)
class Preset:
  """Settings with a name.

  Attributes:
    description: What it is for, in one sentence.
    expected: What to expect of it: where, how long, which result.
    command: How to run it.
    settings: Values by section and key.
    accelerator_gib: Memory of the accelerator that a search is made for, if it
      is made for one.
    trained_by: The preset that trains what a search finds; '' for itself.
  """

  description: str
  expected: str
  command: str
  settings: Mapping[str, Mapping[str, Any]]
  accelerator_gib: int | None = None
  trained_by: str = ''


def _train(name: str, data_dir: str, genotype: str) -> str:
  return (
    f'python scripts/train.py --mode=train --config={name}'
    f' --data_dir={data_dir} --genotype={genotype} --run_dir=runs/{name}'
  )


def _search(name: str, data_dir: str) -> str:
  return (
    f'python scripts/train.py --mode=search --config={name}'
    f' --data_dir={data_dir} --run_dir=runs/{name}'
  )


def _search_within(gib: int, crop_size: int, batch_size: int) -> Preset:
  """The paper's search with as much in a step as an accelerator can hold."""
  name = f'search_{gib}gb'
  return Preset(
    description=(
      f"The paper's search in {gib} GiB of accelerator memory: {batch_size}"
      f' crops of {crop_size} x {crop_size} a step.'
    ),
    expected=(
      'Memory is counted, and the count checked against measured peaks, see'
      ' g3doc/performance.md; we have not run the whole search.'
    ),
    command=_search(name, 'cityscapes_tfrecord'),
    settings={
      'data': {
        'image_scale': 0.5,
        'cache': False,
        'crop_size': [crop_size, crop_size],
        'batch_size': batch_size,
      },
      # The paper's 0.025 is for two images; DARTS takes it for 64.
      'search': {'learning_rate': 0.05},
    },
    accelerator_gib=gib,
    trained_by='paper_cityscapes_train',
  )


# Where cells are narrow, the paper's stem and head would have most of the
# multiply-adds and two genotypes would hardly differ; see g3doc/training.md.
_SLIM_STEM = list(widths.SLIM_STEM_FILTERS)
_SLIM = {
  'stem_filters': _SLIM_STEM,
  'head_filters': widths.SLIM_HEAD_FILTERS,
}

# Of an accelerator's memory; its runtime and libraries take the rest.
_USABLE_SHARE = 0.8


def smallest_for(num_bytes: int) -> str | None:
  """The preset whose accelerator is the smallest that holds a step.

  Args:
    num_bytes: `SupernetCost.total_bytes` of the step.
  """
  fitting = [
    (preset.accelerator_gib, name)
    for name, preset in PRESETS.items()
    if preset.accelerator_gib
    and num_bytes <= _USABLE_SHARE * preset.accelerator_gib * 2**30
  ]
  return min(fitting)[1] if fitting else None


PRESETS: dict[str, Preset] = {
  'quickstart': Preset(
    description=(
      'A tiny search, and a tiny training of what it found, on the synthetic'
      ' street scenes: shows every part at'
      ' work.'
    ),
    expected=(
      'Measured on two cores that other work shared: a search of 3 min (55 s'
      ' of processor time), supernet mIoU about 30 %; a training of 2 min 40 s'
      ' (75 s), mIoU about 49 %. So short a search mostly finds pooling and'
      ' skips. The quickstart searches by trials, for 210 s, of some 15 s of'
      ' processor time each; on a busy machine these are too few to decide.'
    ),
    command='bash scripts/quickstart.sh',
    settings={
      'space': {
        'num_layers': 4,
        'num_blocks': 2,
        'filter_multiplier': 4,
        'stem_filters': _SLIM_STEM,
      },
      'data': {'crop_size': [97, 97], 'batch_size': 4},
      'search': {
        'epochs': 8,
        # Half of the epochs without alpha and beta, as in the paper.
        'arch_start_epoch': 4,
        'learning_rate': 0.05,
        # At 0.03 noise moves logits three times as far, and what is above
        # noise does not grow; see g3doc/strategies.md.
        'arch_learning_rate': 0.01,
        # Of a search by trials: three seeds of what it found and of the best
        # random one fit into a quarter of it.
        'budget': '210s',
        'trial_steps': [24, 72],
      },
      'halving': {'num_initial': 6, 'pool_size': 20},
      'network': {
        'filter_multiplier': 8,
        **_SLIM,
        # Features of 25 x 25 at stride 4: a rate of 12 would see padding only.
        'aspp_rates': [2, 4, 6],
        # Full ones take twice the time of a step.
        'separable_head': True,
        'batch_norm_momentum': 0.9,
      },
      'train': {'epochs': 30, 'learning_rate': 0.1},
    },
  ),
  'camvid_small': Preset(
    description=(
      'The full lattice of 12 layers with a narrow network, for CamVid.'
    ),
    expected='About an hour on two cores.',
    trained_by='camvid_train',
    command=_search('camvid_small', 'camvid_tfrecord'),
    settings={
      'space': {'filter_multiplier': 4, 'stem_filters': _SLIM_STEM},
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
        # Alpha and beta have the paper's rate: at 0.01 no more of what they
        # learn stands out of the noise, see g3doc/strategies.md.
        'gradient_clip': 5.0,
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
    trained_by='paper_cityscapes_train',
  ),
  'search_8gb': _search_within(8, crop_size=321, batch_size=16),
  'search_16gb': _search_within(16, crop_size=513, batch_size=16),
  'search_24gb': _search_within(24, crop_size=513, batch_size=24),
  'camvid_train': Preset(
    description=(
      'A short training of a narrow network on CamVid, for comparisons.'
    ),
    expected=(
      'Some minutes on two cores; mIoU 22 to 40 % with a wider stem and head,'
      ' see g3doc/projects/camvid.md.'
    ),
    command=_train(
      'camvid_train', 'camvid_tfrecord', 'runs/camvid_small/genotype.json'
    ),
    settings={
      'data': {
        'crop_size': [129, 129],
        'batch_size': 8,
        'image_scale': 0.5,
        'min_scale': 0.75,
        'max_scale': 1.5,
      },
      'network': {
        'filter_multiplier': 8,
        **_SLIM,
        # Crops have 17 x 17 features at stride 8.
        'aspp_rates': [3, 6, 9],
        'separable_head': True,
        'batch_norm_momentum': 0.9,
      },
      'train': {'epochs': 20},
    },
  ),
  'camvid_compare': Preset(
    description=(
      'A short and quiet training on CamVid, made to tell architectures apart.'
    ),
    expected=(
      'One to two minutes on a core; mIoU 18 to 28 %. Its noise is'
      ' measured in g3doc/projects/camvid.md.'
    ),
    command=_train('camvid_compare', 'camvid_tfrecord', 'zoo:deeplabv3'),
    settings={
      'data': {
        'crop_size': [97, 97],
        'batch_size': 8,
        'image_scale': 0.25,
        'min_scale': 0.75,
        'max_scale': 1.5,
        'scale_step': 0,
        # Train and val are videos of different light.
        'color_jitter': 0.25,
        # Decisions are taken there; val only reports.
        'held_out_fraction': 0.2,
        # Trained on half of the images, trials vary more by their seeds.
        'b_fraction': 0.2,
      },
      'network': {
        # 25 million multiply-adds in the cells of zoo:deeplabv3.
        'filter_multiplier': 5.25,
        'stem_filters': _SLIM_STEM,
        'head_filters': 32,
        # Crops have 13 x 13 features at stride 8.
        'aspp_rates': [2, 4, 6],
        'separable_head': True,
        'batch_norm_momentum': 0.9,
      },
      'train': {
        'epochs': 4,
        'steps_per_epoch': 100,
        'learning_rate': 0.3,
        'gradient_clip': 5.0,
        'class_weights': 'sqrt_inverse',
        # Averages over 50 steps.
        'ema_decay': 0.98,
        'recalibration_batches': 50,
        'keep': 'last',
        'val_every_epochs': 4,
      },
    },
  ),
  'paper_cityscapes_train': Preset(
    description=(
      "The paper's training of Auto-DeepLab-S: Cityscapes at full resolution,"
      ' crops of 769 x 769, 1.5 million steps.'
    ),
    expected='The paper: mIoU 79.74 % on val. We have not run it.',
    command=_train(
      'paper_cityscapes_train', 'cityscapes_tfrecord', 'zoo:auto_deeplab'
    ),
    settings={
      # The paper gives neither batch size nor probability: 8 is the default of
      # the DeepLab code, 0.8 is our choice.
      'data': {'crop_size': [769, 769], 'batch_size': 8, 'cache': False},
      'network': {'drop_path_keep_prob': 0.8},
      'train': {'epochs': 1500, 'steps_per_epoch': 1000},
    },
  ),
}

"""Synthetic street scenes, converted as a user does."""

from __future__ import annotations

import pathlib

from tests import command

# Of two layers and one block.
GENOTYPE = (
  '{"version": 1, "path": [0, 1], "cell": [[["prev", "sep_conv_3x3"],'
  ' ["prev_prev", "atrous_conv_3x3"]]]}'
)


def make(root: pathlib.Path, num_val: int = 2) -> str:
  """Sixteen small scenes to train on; returns the folder of the records."""
  scenes, records = f'{root}/scenes', f'{root}/records'
  for result in (
    command.here(
      'datasets/make_street_scenes.py',
      f'--output_dir={scenes}',
      '--num_train=16',
      f'--num_val={num_val}',
      '--height=48',
      '--width=64',
    ),
    command.here(
      'datasets/build_cityscapes_data.py',
      f'--data_dir={scenes}',
      f'--output_dir={records}',
    ),
  ):
    assert result.returncode == 0, result.stderr
  return records

"""A converted dataset of a few images, and settings that suit it."""

import pathlib

from deeplab_nas.config import config as config_lib
from tests import command
from tests.data import tiny_folder
from tests.train import tiny_training


def make(root, num_images=10, num_blank=0):
  """Images, a fifth of them to validate on; returns the records' folder.

  The first ones may have no pixel that counts.
  """
  names = [f'image{i}' for i in range(num_images)]
  folder = tiny_folder.TinyFolder(root / 'folder', names)
  for name in names[:num_blank]:
    folder.mask(f'{name}.png', tiny_folder.stripes([255]))
  result = command.here(
    'datasets/build_folder_data.py',
    f'--data_dir={root}/folder',
    f'--output_dir={root}/records',
    '--val_fraction=0.2',
  )
  assert result.returncode == 0, result.stderr
  return str(root / 'records')


def config(records, runtime=None, **train):
  """A training of two epochs of two steps."""
  return config_lib.Config.from_dict(
    {
      'data': {'dir': records, 'crop_size': [17, 17], 'batch_size': 2},
      'network': tiny_training.NETWORK,
      'train': {'epochs': 2, 'steps_per_epoch': 2, **train},
      'runtime': {'num_panels': 1, **(runtime or {})},
    }
  )


def val_names(folder):
  """Names of the validation examples, without folder and suffix."""
  from deeplab_nas.data import split_contents

  names = split_contents.file_names(folder, 'val')
  return [pathlib.PurePath(name).stem for name in names]

"""Draws synthetic street scenes in the Cityscapes folder layout.

  python datasets/make_street_scenes.py --output_dir=street_scenes
  python datasets/build_cityscapes_data.py \
      --data_dir=street_scenes --output_dir=street_scenes_tfrecord

The pictures are only good for trying things out; nothing is downloaded.
"""

from __future__ import annotations

import json
import os
import pathlib

import numpy as np
import tqdm
from absl import flags, logging
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import palettes, street_scenes

FLAGS = flags.FLAGS
flags.DEFINE_string(
  'output_dir', None, 'Folder for leftImg8bit/ and gtFine/.', required=True
)
flags.DEFINE_integer('num_train', 128, 'Training scenes.', lower_bound=1)
flags.DEFINE_integer('num_val', 32, 'Validation scenes.', lower_bound=1)
flags.DEFINE_integer('height', 128, 'Height in pixels.', lower_bound=16)
flags.DEFINE_integer('width', 256, 'Width in pixels.', lower_bound=16)
flags.DEFINE_integer('seed', 0, 'Equal seeds give equal scenes.', lower_bound=0)

_CITIES = {'train': ('northham', 'southham'), 'val': ('westham',)}
_SETTINGS_FILE = 'street_scenes.json'
_UNLABELLED_ID = 0


def main(_) -> None:
  root = pathlib.Path(FLAGS.output_dir)
  _claim(root)
  counts = {'train': FLAGS.num_train, 'val': FLAGS.num_val}
  with tqdm.tqdm(total=sum(counts.values()), disable=None, leave=False) as bar:
    for split_index, (split, count) in enumerate(counts.items()):
      for index in range(count):
        rng = np.random.default_rng([FLAGS.seed, split_index, index])
        image, mask = street_scenes.draw(rng, FLAGS.height, FLAGS.width)
        city = _CITIES[split][index % len(_CITIES[split])]
        _save(root, split, city, index, image, mask)
        bar.update()
  logging.info(
    '%s: %d training and %d validation scenes of %d x %d pixels.',
    root,
    counts['train'],
    counts['val'],
    FLAGS.height,
    FLAGS.width,
  )


def _claim(root: pathlib.Path) -> None:
  """Refuses a folder with other images, which would end up mixed."""
  names = ('num_train', 'num_val', 'height', 'width', 'seed')
  settings = {name: FLAGS[name].value for name in names}
  path = root / _SETTINGS_FILE
  if _read(path) == settings:
    return
  if path.exists() or (root / 'leftImg8bit').exists():
    raise errors.UserError(
      f'--output_dir={root} already holds other scenes: remove it or choose'
      ' another folder.'
    )
  root.mkdir(parents=True, exist_ok=True)
  path.write_text(json.dumps(settings), 'utf-8')


def _read(path: pathlib.Path):
  """The contents of a file, None if it is missing or damaged."""
  try:
    return json.loads(path.read_text('utf-8'))
  except (OSError, ValueError, RecursionError):
    return None


def _save(root, split: str, city: str, index: int, image, mask) -> None:
  """Writes an image and both kinds of masks under their Cityscapes names."""
  label_ids = np.full(256, _UNLABELLED_ID, np.uint8)
  label_ids[: len(palettes.CITYSCAPES_LABEL_IDS)] = (
    palettes.CITYSCAPES_LABEL_IDS
  )
  stem = f'{city}_{index:06d}_000019'
  for kind, ending, pixels in (
    ('leftImg8bit', 'leftImg8bit', image),
    ('gtFine', 'gtFine_labelTrainIds', mask),
    ('gtFine', 'gtFine_labelIds', label_ids[mask]),
  ):
    path = root / kind / split / city / f'{stem}_{ending}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix('.part')
    Image.fromarray(pixels).save(temporary, 'PNG')
    os.replace(temporary, path)


if __name__ == '__main__':
  errors.run(main)

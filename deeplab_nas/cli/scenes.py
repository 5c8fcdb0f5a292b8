"""`scenes`: synthetic street scenes in the Cityscapes folder layout."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tqdm
from absl import flags, logging
from PIL import Image

from deeplab_nas import errors, safe_json
from deeplab_nas.cli import command
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.data import palettes, street_scenes

_CITIES = {'train': ('northham', 'southham'), 'val': ('westham',)}
_SETTINGS_FILE = 'street_scenes.json'
_UNLABELLED_ID = 0


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path(
    'output_dir', None, 'Folder for leftImg8bit/ and gtFine/.', required=True
  )
  define.integer('num_train', 128, 'Training scenes.', lower_bound=1)
  define.integer('num_val', 32, 'Validation scenes.', lower_bound=1)
  define.integer('height', 128, 'Height in pixels.', lower_bound=16)
  define.integer('width', 256, 'Width in pixels.', lower_bound=16)
  define.integer('seed', 0, 'Equal seeds give equal scenes.', lower_bound=0)


def _main(values: flags.FlagValues, argv: Sequence[str]) -> None:
  root = pathlib.Path(values.output_dir)
  _claim(root, values)
  counts = {'train': values.num_train, 'val': values.num_val}
  with tqdm.tqdm(total=sum(counts.values()), disable=None, leave=False) as bar:
    for split_index, (split, count) in enumerate(counts.items()):
      for index in range(count):
        rng = np.random.default_rng([values.seed, split_index, index])
        image, mask = street_scenes.draw(rng, values.height, values.width)
        city = _CITIES[split][index % len(_CITIES[split])]
        _save(root, split, city, index, image, mask)
        bar.update()
  logging.info(
    '%s: %d training and %d validation scenes of %d x %d pixels.',
    root,
    counts['train'],
    counts['val'],
    values.height,
    values.width,
  )


def _claim(root: pathlib.Path, values: flags.FlagValues) -> None:
  """Refuses a folder with other images, which would end up mixed."""
  names = ('num_train', 'num_val', 'height', 'width', 'seed')
  settings = {name: values[name].value for name in names}
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
    return safe_json.parse(path.read_text('utf-8'))
  except (OSError, ValueError):
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


SCENES = command.Command(
  name='scenes',
  summary='Draws synthetic street scenes in the Cityscapes folder layout.',
  define=_define,
  main=_main,
  examples=(
    ('scenes', '--output_dir=street_scenes'),
    (
      'convert cityscapes',
      '--data_dir=street_scenes',
      '--output_dir=street_scenes_tfrecord',
    ),
  ),
  text="""
The pictures are only good for trying things out; nothing is downloaded.
""",
)

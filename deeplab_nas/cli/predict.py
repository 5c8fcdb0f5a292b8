"""`predict`: masks of a file, a folder or a glob."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from absl import flags

from deeplab_nas import errors, wording
from deeplab_nas.cli import command, conversion_flags, scales_flag
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.runtime import tensorflow_setup

_MIN_TILE = 33  # pixels; less is padded to this inside the network


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path(
    'model', None, 'Run folder of a training, or folder of an export.'
  )
  define.path('images', None, 'An image file, a folder, or a glob.')
  define.path('output_dir', None, 'Folder for the results.')
  define.enum(
    'checkpoint', 'best', ['best', 'last'], 'Which one of a training to use.'
  )
  define.list(
    'scales',
    ['1'],
    'Image sizes whose probabilities are averaged: 0.75,1,1.25.',
  )
  define.boolean('flip', False, 'Average in the mirrored image.')
  define.integer(
    'tile', 0, 'Pixels of a tile side; 0 segments images whole.', lower_bound=0
  )
  define.integer(
    'overlap', 64, 'Pixels that neighbouring tiles share.', lower_bound=0
  )
  define.boolean(
    'overwrite', False, 'Write into an output folder that is not empty.'
  )
  conversion_flags.define_max_image_pixels(values)


def _main(values: flags.FlagValues, argv: Sequence[str]) -> None:
  tensorflow_setup.silence()
  for name, example in (
    ('model', 'runs/train'),
    ('images', 'photos'),
    ('output_dir', 'predictions'),
  ):
    if not values[name].value:
      raise errors.UserError(
        f'--{name} is missing, such as --{name}={example}.'
      )
  scales = scales_flag.parse(values.scales)
  if 0 < values.tile < _MIN_TILE:
    raise errors.UserError(
      f'--tile={values.tile} is too small to see anything in: use at least'
      f' {_MIN_TILE} pixels.'
    )
  if values.tile and values.overlap >= values.tile:
    raise errors.UserError(
      f'--overlap={values.overlap} has to be below --tile={values.tile}.'
    )
  output_dir = pathlib.Path(values.output_dir)
  if output_dir.exists() and not output_dir.is_dir():
    raise errors.UserError(f'--output_dir={output_dir} is a file.')
  if output_dir.is_dir() and any(output_dir.iterdir()) and not values.overwrite:
    raise errors.UserError(
      f'--output_dir={output_dir} is not empty: add --overwrite to write into'
      ' it, or choose another folder.'
    )
  if not pathlib.Path(values.model).is_dir():
    raise errors.UserError(
      f'--model={values.model} is no folder: give the run folder of a training'
      ' or the folder of an export.'
    )
  _predict(values, scales, output_dir)


def _predict(
  values: flags.FlagValues, scales: tuple[float, ...], output_dir: pathlib.Path
) -> None:
  from deeplab_nas.evaluate import tiling
  from deeplab_nas.serving import inputs, model_source, prediction

  images = inputs.find_images(values.images, output_dir)
  model = model_source.load(
    values.model, values.checkpoint, scales, values.flip
  )

  def segment(image):
    if values.tile:
      return tiling.classes(
        model.probabilities, image, values.tile, values.overlap
      )
    return model.classes(image[None])[0]

  with tensorflow_setup.memory_advice('segment in tiles with --tile=513'):
    problems = prediction.predict(
      segment, images, model.info, output_dir, values.max_image_pixels
    )
  done = len(images) - len(problems)
  if done:
    total = wording.counted(len(images), 'image')
    print(f'{done} of {total} segmented, in {output_dir}.')
  if problems:
    raise errors.UserError('\n'.join(problems))


PREDICT = command.Command(
  name='predict',
  summary='Segments images: a file, a folder or a glob.',
  define=_define,
  main=_main,
  examples=(
    (
      'predict',
      '--model=runs/train',
      '--images=photos',
      '--output_dir=predictions',
    ),
  ),
  text="""
--model is the run folder of a training or the folder of an export. For each
image this writes its mask (class indices), an overlay in the colours of the
classes, and one sheet of the first images. Images that need more memory than
there is can be segmented in tiles: --tile=513.
""",
)

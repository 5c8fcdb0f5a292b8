r"""Segments images: a file, a folder or a glob.

  python scripts/predict.py --model=runs/train --images=photos \
      --output_dir=predictions

`--model` is the run folder of a training or the folder of an export. For each
image this writes its mask (class indices), an overlay in the colours of the
classes, and one sheet of the first images. Images that need more memory than
there is can be segmented in tiles: --tile=513.
"""

from __future__ import annotations

import pathlib

from absl import flags

from deeplab_nas import errors
from deeplab_nas.data import conversion_flags
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.serving import scales_flag

FLAGS = flags.FLAGS
flags.DEFINE_string(
  'model', None, 'Run folder of a training, or folder of an export.'
)
flags.DEFINE_string('images', None, 'An image file, a folder, or a glob.')
flags.DEFINE_string('output_dir', None, 'Folder for the results.')
flags.DEFINE_enum(
  'checkpoint', 'best', ['best', 'last'], 'Which one of a training to use.'
)
flags.DEFINE_list(
  'scales', ['1'], 'Image sizes whose probabilities are averaged: 0.75,1,1.25.'
)
flags.DEFINE_boolean('flip', False, 'Average in the mirrored image.')
flags.DEFINE_integer(
  'tile', 0, 'Pixels of a tile side; 0 segments images whole.', lower_bound=0
)
flags.DEFINE_integer(
  'overlap', 64, 'Pixels that neighbouring tiles share.', lower_bound=0
)
flags.DEFINE_boolean(
  'overwrite', False, 'Write into an output folder that is not empty.'
)
conversion_flags.define_max_image_pixels()

_MIN_TILE = 33  # pixels; less is padded to this inside the network


def main(_) -> None:
  tensorflow_setup.silence()
  for name, example in (
    ('model', 'runs/train'),
    ('images', 'photos'),
    ('output_dir', 'predictions'),
  ):
    if not FLAGS[name].value:
      raise errors.UserError(
        f'--{name} is missing, such as --{name}={example}.'
      )
  scales = scales_flag.parse(FLAGS.scales)
  if 0 < FLAGS.tile < _MIN_TILE:
    raise errors.UserError(
      f'--tile={FLAGS.tile} is too small to see anything in: use at least'
      f' {_MIN_TILE} pixels.'
    )
  if FLAGS.tile and FLAGS.overlap >= FLAGS.tile:
    raise errors.UserError(
      f'--overlap={FLAGS.overlap} has to be below --tile={FLAGS.tile}.'
    )
  output_dir = pathlib.Path(FLAGS.output_dir)
  if output_dir.exists() and not output_dir.is_dir():
    raise errors.UserError(f'--output_dir={output_dir} is a file.')
  if output_dir.is_dir() and any(output_dir.iterdir()) and not FLAGS.overwrite:
    raise errors.UserError(
      f'--output_dir={output_dir} is not empty: add --overwrite to write into'
      ' it, or choose another folder.'
    )
  if not pathlib.Path(FLAGS.model).is_dir():
    raise errors.UserError(
      f'--model={FLAGS.model} is no folder: give the run folder of a training'
      ' or the folder of an export.'
    )
  _predict(scales, output_dir)


def _predict(scales: tuple[float, ...], output_dir: pathlib.Path) -> None:
  from deeplab_nas.evaluate import tiling
  from deeplab_nas.serving import model_source, prediction

  images = prediction.find_images(FLAGS.images, output_dir)
  model = model_source.load(FLAGS.model, FLAGS.checkpoint, scales, FLAGS.flip)

  def segment(image):
    if FLAGS.tile:
      return tiling.classes(
        model.probabilities, image, FLAGS.tile, FLAGS.overlap
      )
    return model.classes(image[None])[0]

  with tensorflow_setup.memory_advice('segment in tiles with --tile=513'):
    problems = prediction.predict(
      segment, images, model.info, output_dir, FLAGS.max_image_pixels
    )
  done = len(images) - len(problems)
  if done:
    print(f'{done} of {len(images)} images segmented, in {output_dir}.')
  if problems:
    raise errors.UserError('\n'.join(problems))


if __name__ == '__main__':
  errors.run(main)

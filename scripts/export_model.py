r"""Exports a trained network for TF Serving, and on request for TFLite.

  python scripts/export_model.py --run_dir=runs/mine \
      --export_dir=models/deeplab_nas

Writes models/deeplab_nas/1, or the next version after those that are there.
The model takes uint8 images or JPEG and PNG files of any size and returns
classes; it holds all pre- and postprocessing. It is loaded again and compared
with the network in memory before its folder appears. g3doc/serving.md goes on.
"""

from __future__ import annotations

import glob
import os
import re

from absl import flags, logging

from deeplab_nas import errors
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.serving import names, scales_flag

FLAGS = flags.FLAGS
flags.DEFINE_string('run_dir', None, 'Folder of a --mode=train run.')
flags.DEFINE_enum('checkpoint', 'best', ['best', 'last'], 'Which weights.')
flags.DEFINE_string('export_dir', None, 'Folder for the numbered versions.')
flags.DEFINE_list(
  'outputs',
  [names.CLASSES],
  f'Some of {", ".join(names.OUTPUTS)}; {names.CLASSES} is always there.',
)
flags.DEFINE_list('scales', ['1'], 'Image scales whose results are averaged.')
flags.DEFINE_boolean('flip', False, 'Average with the mirrored image too.')
flags.DEFINE_string(
  'warmup_size',
  None,
  'HxW of the warm-up image; by default the largest of the dataset.',
)
flags.DEFINE_string(
  'check_images', None, 'Files to compare the models on, such as "my/*.jpg".'
)
flags.DEFINE_integer(
  'num_check_images',
  3,
  'Validation images to compare the models on, besides drawn ones.',
  lower_bound=0,
)
flags.DEFINE_boolean(
  'winograd',
  None,
  "Fewer multiplications in the decoder's convolutions; by default if there is"
  ' no GPU.',
)
flags.DEFINE_boolean('tflite', False, 'Write a TFLite model as well.')
flags.DEFINE_string('tflite_size', '513x513', 'HxW of its images.')


def main(_) -> None:
  tensorflow_setup.silence()
  errors.require(
    FLAGS.run_dir is not None,
    'Say what to export with --run_dir=DIR: the folder that scripts/train.py'
    ' --mode=train wrote.',
  )
  errors.require(
    FLAGS.export_dir is not None,
    'Say where the model goes with --export_dir=DIR, such as'
    ' --export_dir=models/deeplab_nas.',
  )
  choices = {
    'scales': scales_flag.parse(FLAGS.scales),
    'flip': FLAGS.flip,
    'outputs': names.check_outputs([x.strip() for x in FLAGS.outputs]),
    'warmup_size': _size('warmup_size'),
    'tflite_size': _size('tflite_size') if FLAGS.tflite else None,
    'winograd': FLAGS.winograd,
  }
  continuation.check_is_training(run_directory.RunDirectory(FLAGS.run_dir))
  files = _files()
  # Imported late: it takes seconds, and a typing mistake shows before.
  from deeplab_nas.serving import export, summary
  from deeplab_nas.train import restore as trained_lib

  trained = trained_lib.load(FLAGS.run_dir, FLAGS.checkpoint)
  options = export.ExportOptions(
    image_scale=trained.config.data.image_scale, **choices
  )
  logging.info(
    'Exporting the %s checkpoint of %s.', FLAGS.checkpoint, FLAGS.run_dir
  )
  result = export.export(
    trained.network,
    trained.info,
    FLAGS.export_dir,
    options,
    trained.config.to_yaml(),
    _images(files, trained.config.data),
  )
  print(summary.summarize(result))


def _files() -> list[str]:
  if not FLAGS.check_images:
    return []
  found = sorted(glob.glob(os.path.expanduser(FLAGS.check_images)))
  errors.require(
    bool(found),
    f'--check_images={FLAGS.check_images} names no file: check the pattern.',
  )
  return found


def _images(files, data):
  """The images to compare on."""
  from deeplab_nas.serving import check_images

  if files:
    return check_images.of_files(files)
  return check_images.synthetic() + check_images.of_split(
    data.dir, data.val_split, FLAGS.num_check_images
  )


def _size(flag: str) -> tuple[int, int] | None:
  text = FLAGS[flag].value
  if text is None:
    return None
  match = re.fullmatch(r'([1-9]\d{0,4})x([1-9]\d{0,4})', text)
  errors.require(
    match is not None,
    f'--{flag}={text} is no size: write height x width, such as'
    f' --{flag}=513x513.',
  )
  return int(match[1]), int(match[2])


if __name__ == '__main__':
  errors.run(main)

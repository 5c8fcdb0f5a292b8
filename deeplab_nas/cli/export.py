"""`export`: from a run folder to a model for TF Serving and TFLite."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags, logging

from deeplab_nas import commands, errors
from deeplab_nas.cli import command, scales_flag, size_flag
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.serving import inputs, names


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path('run_dir', None, 'Run folder of a training.')
  define.enum('checkpoint', 'best', ['best', 'last'], 'Which weights.')
  define.path('export_dir', None, 'Folder for the numbered versions.')
  define.list(
    'outputs',
    [names.CLASSES],
    f'Some of {", ".join(names.OUTPUTS)}; {names.CLASSES} is always there.',
  )
  define.list('scales', ['1'], 'Image scales whose results are averaged.')
  define.boolean('flip', False, 'Average with the mirrored image too.')
  define.string(
    'warmup_size',
    None,
    'HxW of the warm-up image; by default the largest of the dataset.',
  )
  define.path(
    'check_images', None, 'Files to compare the models on, such as "my/*.jpg".'
  )
  define.integer(
    'num_check_images',
    3,
    'Validation images to compare the models on, besides drawn ones.',
    lower_bound=0,
  )
  define.boolean(
    'winograd',
    None,
    "Fewer multiplications in the decoder's convolutions; by default if there"
    ' is no GPU.',
  )
  define.boolean('tflite', False, 'Write a TFLite model as well.')
  define.string('tflite_size', '513x513', 'HxW of its images.')


def _main(values: flags.FlagValues, argv: Sequence[str]) -> None:
  tensorflow_setup.silence()
  errors.require(
    values.run_dir is not None,
    'Say what to export with --run_dir=DIR: the folder that'
    f' {commands.name("train")} wrote.',
  )
  errors.require(
    values.export_dir is not None,
    'Say where the model goes with --export_dir=DIR, such as'
    ' --export_dir=models/deeplab_nas.',
  )
  choices = {
    'scales': scales_flag.parse(values.scales),
    'flip': values.flip,
    'outputs': names.check_outputs([x.strip() for x in values.outputs]),
    'warmup_size': size_flag.parse('warmup_size', values.warmup_size),
    'tflite_size': (
      size_flag.parse('tflite_size', values.tflite_size)
      if values.tflite
      else None
    ),
    'winograd': values.winograd,
  }
  continuation.check_is_training(run_directory.RunDirectory(values.run_dir))
  files = _files(values.check_images)
  # Imported late: it takes seconds, and a typing mistake shows before.
  from deeplab_nas.serving import export, summary
  from deeplab_nas.train import restore as trained_lib

  trained = trained_lib.load(values.run_dir, values.checkpoint)
  options = export.ExportOptions(
    image_scale=trained.config.data.image_scale, **choices
  )
  logging.info(
    'Exporting the %s checkpoint of %s.', values.checkpoint, values.run_dir
  )
  result = export.export(
    trained.network,
    trained.info,
    values.export_dir,
    options,
    trained.config.to_yaml(),
    _images(files, trained.config.data, values.num_check_images),
  )
  print(summary.summarize(result))


def _files(pattern: str | None) -> list[str]:
  if not pattern:
    return []
  found = [str(path) for path in inputs.expand(pattern)]
  errors.require(
    bool(found),
    f'--check_images={pattern} names no file: check the pattern.',
  )
  return found


def _images(files, data, num_images: int):
  """The images to compare on."""
  from deeplab_nas.serving import check_images

  if files:
    return check_images.of_files(files)
  return check_images.synthetic() + check_images.of_split(
    data.dir, data.val_split, num_images
  )


EXPORT = command.Command(
  name='export',
  summary='Exports a trained network for TF Serving, on request for TFLite.',
  define=_define,
  main=_main,
  examples=(
    ('export', '--run_dir=runs/train', '--export_dir=models/deeplab_nas'),
  ),
  text="""
Writes models/deeplab_nas/1, or the next version after those that are there.
The model takes uint8 images or JPEG and PNG files of any size and returns
classes; it holds all pre- and postprocessing. It is loaded again and compared
with the network in memory before its folder appears.
""",
)

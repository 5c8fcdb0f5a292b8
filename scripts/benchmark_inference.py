r"""Times a network and its export on random images.

  python scripts/benchmark_inference.py --table
  python scripts/benchmark_inference.py --genotype=runs/train/genotype.json \
      --filter_multiplier=48 --size=1025 --num_runs=5 --table
  python scripts/benchmark_inference.py --run_dir=runs/train \
      --image_size=360x480 --table

  python scripts/benchmark_inference.py --run_dir=runs/train \
      --beside=runs/student --image_size=360x480 --table

Prints a line of JSON for each case:

  network       the Keras model, batch norm unfolded, as a compiled function:
                images float32 in, logits out
  predict       the same model by Keras' predict
  export        what scripts/export_model.py writes: images uint8 in, masks out
  tflite        with --tflite: its TFLite model, all cores
  same process  network and export in alternation in one process

or, with --beside=RUN, for one case: the exports of both trainings in
alternation in one process, with the median of the ratio of their times, the
other's to the first one's.

All but 'same process' have processes of their own, whose steps alternate.
Operations are those of the cost model, so the shares of the matrix peak
compare.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import tempfile

from absl import flags, logging

from benchmarks import command, inference
from deeplab_nas import errors
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main as cli
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.space import genotype_source

FLAGS = flags.FLAGS
flags_lib.define_path(
  FLAGS,
  'genotype',
  'zoo:auto_deeplab',
  'The architecture: a file, or zoo:NAME.',
)
flags_lib.define_path(
  FLAGS,
  'run_dir',
  '',
  'A training, whose network is timed in the place of --genotype.',
)
flags_lib.define_path(
  FLAGS,
  'beside',
  '',
  'Another training, whose export is timed in turn with that of --run_dir.',
)
flags.DEFINE_integer(
  'filter_multiplier', 20, 'F of the network.', lower_bound=1
)
flags.DEFINE_integer(
  'size', 513, 'Height and width of the images.', lower_bound=1
)
flags.DEFINE_string(
  'image_size', None, 'HxW of the images, if they are no squares of --size.'
)
flags.DEFINE_integer('batch_size', 1, 'Images of a step.', lower_bound=1)
flags.DEFINE_boolean('tflite', False, 'Time a TFLite model as well.')
command.define()
FLAGS.set_default('matrix_peak', True)


def main(_) -> None:
  tensorflow_setup.silence()
  errors.require(
    bool(FLAGS.run_dir) or not FLAGS.beside,
    '--beside is the second of two trainings: give the first by --run_dir.',
  )
  errors.require(
    not (FLAGS.beside and FLAGS.tflite),
    '--beside times exports alone: leave out --tflite.',
  )
  subject = inference.Subject(
    FLAGS.genotype, FLAGS.filter_multiplier, _size(), FLAGS.run_dir
  )
  # A mistake shows before the work.
  for run_dir in filter(None, (FLAGS.run_dir, FLAGS.beside)):
    continuation.check_is_training(run_directory.RunDirectory(run_dir))
  if not FLAGS.run_dir:
    genotype_source.read(FLAGS.genotype)
  with tempfile.TemporaryDirectory() as folder:
    if FLAGS.beside:
      _beside(subject, pathlib.Path(folder))
      return
    logging.info('Exporting the network.')
    path = inference.export(subject, folder, FLAGS.tflite)
    command.run(inference.cases(subject, FLAGS.batch_size, path, FLAGS.tflite))


def _beside(subject: inference.Subject, folder: pathlib.Path) -> None:
  """Two networks on the same images."""
  logging.info('Exporting both networks.')
  other = dataclasses.replace(subject, run_dir=FLAGS.beside)
  paths = [
    inference.export(each, folder / str(number))
    for number, each in enumerate((subject, other))
  ]
  command.run(inference.cases_beside(subject, FLAGS.batch_size, paths))


def _size() -> list[int]:
  """Height and width."""
  if FLAGS.image_size is None:
    return [FLAGS.size, FLAGS.size]
  match = re.fullmatch(r'([1-9]\d{0,4})x([1-9]\d{0,4})', FLAGS.image_size)
  errors.require(
    match is not None,
    f'--image_size={FLAGS.image_size} is no size: write height x width, such'
    ' as --image_size=360x480.',
  )
  return [int(match[1]), int(match[2])]


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/benchmark_inference.py', __doc__)

r"""Times the input pipeline and the converters.

  python scripts/benchmark_data.py --table
  python scripts/benchmark_data.py --part=pipeline --data_dir=camvid_tfrecord
  python scripts/benchmark_data.py --part=converter --workers=1,2,4 --table

Prints a line of JSON for each case. The pipeline: images/s that are decoded
each time, decoded once, augmented, and augmented while something else keeps all
cores busy. The converter, by its whole command: with some numbers of workers in
alternation; `facts` has the peak memory of all its processes. Memory: the
converter on few images, too. Synthetic scenes take the place of data that is
not given. Takes five to nine minutes.
"""

from __future__ import annotations

import os
import pathlib
import tempfile
from collections.abc import Iterator

from absl import flags, logging

from benchmarks import batches, command, converter, scenes
from benchmarks import case as case_lib
from deeplab_nas import errors
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.cli import main as cli
from deeplab_nas.data import conversion, dataset_info, layouts, scan, shards
from deeplab_nas.runtime import tensorflow_setup

_PARTS = ('pipeline', 'converter', 'memory')
# Of the scenes that the pipeline reads: those of CamVid.
_SCENE_SIZE = (360, 480)
_NUM_SCENES, _NUM_DRAWN = 128, 16

FLAGS = flags.FLAGS
flags.DEFINE_list(
  'part', list(_PARTS), f'What to time: some of {", ".join(_PARTS)}.'
)
flags_lib.define_path(
  FLAGS, 'data_dir', None, 'TFRecord shards for the pipeline.'
)
flags.DEFINE_string('split', 'train', 'Split of data_dir to read.')
flags.DEFINE_integer(
  'crop_size', 129, 'Height and width of its crops.', lower_bound=1
)
flags.DEFINE_integer('batch_size', 2, 'Images of its batches.', lower_bound=1)
flags.DEFINE_integer(
  'num_images', 2000, 'Images in a step of the pipeline.', lower_bound=1
)
flags.DEFINE_list(
  'workers', [], 'Of the converter, as a list; else 1, and all cores.'
)
flags.DEFINE_list(
  'num_files',
  ['20', '120'],
  'Images of the converter: the most for its time, all for its memory.',
)
flags.DEFINE_integer(
  'height', 1024, 'Of the images that are converted.', lower_bound=16
)
flags.DEFINE_integer(
  'width', 2048, 'Of the images that are converted.', lower_bound=16
)
command.define()
FLAGS.set_default('num_runs', 5)  # a converter takes long


def main(_) -> None:
  tensorflow_setup.silence()
  for part in FLAGS.part:
    errors.require(
      part in _PARTS,
      f'--part={part} is unknown: use some of {", ".join(_PARTS)}.',
    )
  _check_data()
  workers = _integers('workers') or sorted({1, scan.num_cores()})
  num_files = _integers('num_files')
  errors.require(
    bool(num_files) and num_files[0] > 1,
    '--num_files needs numbers above 1: one image is for validation.',
  )
  with tempfile.TemporaryDirectory() as directory:
    root = pathlib.Path(directory)
    command.run(_groups(root, workers, num_files))


def _check_data() -> None:
  """Refuses data that is not there before anything is timed."""
  if FLAGS.data_dir is None:
    return
  info = dataset_info.DatasetInfo.load(FLAGS.data_dir)
  shards.find(FLAGS.data_dir, FLAGS.split)
  errors.require(
    FLAGS.split in info.splits,
    f'--split={FLAGS.split} is not in the dataset.json of {FLAGS.data_dir}.',
  )


def _integers(name: str) -> list[int]:
  """The numbers of a list flag."""
  values = FLAGS[name].value
  for value in values:
    errors.require(
      value.isascii() and value.isdigit() and int(value) > 0,
      f'--{name}: {value!r} is not a positive whole number.',
    )
  return sorted({int(value) for value in values})


def _groups(
  root: pathlib.Path, workers: list[int], num_files: list[int]
) -> Iterator[list[case_lib.Case]]:
  """The cases of each part; what they need is made when it is their turn."""
  if 'pipeline' in FLAGS.part:
    data_dir = FLAGS.data_dir or _scene_records(root)
    for kind in batches.KINDS:
      yield [_pipeline(kind, data_dir)]
    yield [_pipeline('augment', data_dir, os.cpu_count() or 1)]
  if not {'converter', 'memory'} & set(FLAGS.part):
    return
  logging.info('Drawing images of %d x %d ...', FLAGS.height, FLAGS.width)
  size = FLAGS.height, FLAGS.width
  for count in num_files:
    num_val = max(count // 10, 1)
    counts = {'train': count - num_val, 'val': num_val}
    scenes.make(root / f'{count}_images', counts, size, num_drawn=8)
  if 'converter' in FLAGS.part:
    yield [_converter(root, num_files[-1], number) for number in workers]
    num_files = num_files[:-1]  # the memory of the most is known now
  if 'memory' in FLAGS.part:
    for number in num_files:
      yield [_converter(root, number, workers[-1], 'memory, ')]


def _scene_records(root: pathlib.Path) -> str:
  counts = {'train': _NUM_SCENES, 'val': 1}
  scenes.make(root / 'scenes', counts, _SCENE_SIZE, _NUM_DRAWN)
  output = root / 'records'
  logging.set_verbosity(logging.ERROR)  # that some classes never occur
  conversion.convert(
    layouts.cityscapes(root / 'scenes'), conversion.Output(str(output))
  )
  logging.set_verbosity(logging.INFO)
  return str(output)


def _pipeline(kind: str, data_dir: str, num_busy: int = 0) -> case_lib.Case:
  crop = FLAGS.crop_size
  name = f'{kind} {crop}x{crop}'
  settings = {
    'kind': kind,
    'data_dir': data_dir,
    'split': FLAGS.split,
    'crop_size': crop,
    'batch_size': FLAGS.batch_size,
    'num_images': FLAGS.num_images,
    'num_busy': num_busy,
  }
  if num_busy:
    name += f', {num_busy} cores busy'
  return case_lib.Case(name, batches.build, settings)


def _converter(
  root: pathlib.Path, count: int, workers: int, prefix: str = ''
) -> case_lib.Case:
  size = f'{FLAGS.height}x{FLAGS.width}'
  settings = {
    'data_dir': str(root / f'{count}_images'),
    'output_dir': str(root / f'{count}_records_{workers}'),
    'workers': workers,
    'num_images': count,
  }
  return case_lib.Case(
    f'{prefix}converter {size}, {count} images, {workers} workers',
    converter.build,
    settings,
  )


if __name__ == '__main__':
  cli.script_of_globals(main, 'scripts/benchmark_data.py', __doc__)

"""Checks a dataset before training: TFRecord shards, or a folder to convert.

  python datasets/check_data.py --dataset_dir=mine_tfrecord
  python datasets/check_data.py --data_dir=mine --sheet=samples.png

Exits with 0 if all is well, and with 2 and one sentence per problem if not.
"""

from __future__ import annotations

import itertools
import os

from absl import flags, logging

from deeplab_nas import errors
from deeplab_nas.data import conversion, conversion_flags, findings, layouts

FLAGS = flags.FLAGS
conversion_flags.define_mask_flags(mask_modes=True)
flags.DEFINE_string('dataset_dir', None, 'Folder of shards to check.')
flags.DEFINE_string('data_dir', None, 'Folder of images and masks to check.')
flags.DEFINE_string(
  'dataset',
  None,
  'For shards without dataset.json: cityscapes or pascal_voc_seg.',
)
flags.DEFINE_string('labels', None, 'Labels file of data_dir.')
flags.DEFINE_string('mask_suffix', '', 'What masks add to the image name.')
flags.DEFINE_integer('workers', 0, 'Worker processes; 0: one per core.')
flags.DEFINE_string('sheet', None, 'PNG file to draw samples to.')
flags.DEFINE_integer('num_samples', 8, 'Samples on the sheet.', lower_bound=1)


def main(_) -> None:
  if (FLAGS.dataset_dir is None) == (FLAGS.data_dir is None):
    raise errors.UserError(
      'Give either --dataset_dir=SHARDS or --data_dir=IMAGES_AND_MASKS.'
    )
  folder = os.path.dirname(FLAGS.sheet or '') or '.'
  errors.require(
    os.path.isdir(folder),
    f'--sheet={FLAGS.sheet}: there is no folder {folder}.',
  )
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  info, samples = _check_folder() if FLAGS.data_dir else _check_shards()
  conversion_flags.report(info, FLAGS.data_dir or FLAGS.dataset_dir)
  _report_classes(info)
  if FLAGS.sheet:
    _draw_sheet(info, samples)
  absent = findings.absent_classes(info)
  if absent:
    logging.warning(
      'Nothing is damaged, but %d of %d classes never occur: %s.',
      *(len(absent), info.num_classes, ', '.join(absent)),
    )
  else:
    logging.info('No problems found.')


def _check_shards():
  # Imported late: checking a folder needs no TensorFlow.
  from deeplab_nas.data import check

  info = check.check_records(FLAGS.dataset_dir, FLAGS.dataset)
  split = next(iter(info.splits))
  samples = check.samples(FLAGS.dataset_dir, split, info, FLAGS.num_samples)
  return info, samples


def _check_folder():
  source = layouts.detect(
    FLAGS.data_dir,
    FLAGS.labels,
    FLAGS.mask_suffix,
    conversion_flags.mask_options(FLAGS.mask_mode),
  )
  source = conversion_flags.limited(source)
  info = conversion.check(source, FLAGS.workers)
  return info, conversion.samples(source, FLAGS.num_samples)


def _report_classes(info) -> None:
  """Logs a table of pixel shares per class and split."""
  splits = list(info.splits)
  totals = [max(sum(info.splits[s].class_pixels), 1) for s in splits]
  logging.info('%-24s' + ' %10s' * len(splits), 'class', *splits)
  for index, name in enumerate(info.class_names):
    shares = [
      f'{100 * info.splits[split].class_pixels[index] / total:.3f} %'
      for split, total in zip(splits, totals)
    ]
    logging.info('%-24s' + ' %10s' * len(splits), f'{index} {name}', *shares)


def _draw_sheet(info, samples) -> None:
  from deeplab_nas.data import sample_sheet

  sheet = sample_sheet.draw(itertools.islice(samples, FLAGS.num_samples), info)
  temporary = f'{FLAGS.sheet}.part'
  sheet.save(temporary, 'PNG')
  os.replace(temporary, FLAGS.sheet)
  logging.info('Samples are drawn in %s.', FLAGS.sheet)


if __name__ == '__main__':
  errors.run(main)

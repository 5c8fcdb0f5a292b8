"""`check`: a dataset before training."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

from absl import flags, logging

from deeplab_nas import errors
from deeplab_nas.cli import command, conversion_flags
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.data import conversion, findings, layouts


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path('dataset_dir', None, 'Folder of shards to check.')
  define.path('data_dir', None, 'Folder of images and masks to check.')
  define.string(
    'dataset',
    None,
    'For shards without dataset.json: cityscapes or pascal_voc_seg.',
  )
  define.path('labels', None, 'Labels file of data_dir.')
  define.string('mask_suffix', '', 'What masks add to the image name.')
  define.integer('workers', 0, 'Worker processes; 0: one per core.')
  define.path('sheet', None, 'PNG file to draw samples to.')
  define.integer('num_samples', 8, 'Samples on the sheet.', lower_bound=1)
  conversion_flags.define_mask_flags(values, mask_modes=True)


def _main(values: flags.FlagValues, argv: Sequence[str]) -> None:
  if (values.dataset_dir is None) == (values.data_dir is None):
    raise errors.UserError(
      'Give either --dataset_dir=SHARDS or --data_dir=IMAGES_AND_MASKS.'
    )
  folder = os.path.dirname(values.sheet or '') or '.'
  errors.require(
    os.path.isdir(folder),
    f'--sheet={values.sheet}: there is no folder {folder}.',
  )
  info, samples = (
    _check_folder(values) if values.data_dir else _check_shards(values)
  )
  conversion_flags.report(info, values.data_dir or values.dataset_dir)
  _report_classes(info)
  if values.sheet:
    _draw_sheet(values, info, samples)
  absent = findings.absent_classes(info)
  if absent:
    logging.warning(
      'Nothing is damaged, but %s.',
      findings.describe_absent(absent, info.num_classes),
    )
  else:
    logging.info('No problems found.')


def _check_shards(values: flags.FlagValues):
  # Imported late: checking a folder needs no TensorFlow.
  from deeplab_nas.data import check

  info = check.check_records(values.dataset_dir, values.dataset)
  split = next(iter(info.splits))
  samples = check.samples(values.dataset_dir, split, info, values.num_samples)
  return info, samples


def _check_folder(values: flags.FlagValues):
  source = layouts.detect(
    values.data_dir,
    values.labels,
    values.mask_suffix,
    conversion_flags.mask_options(values, values.mask_mode),
  )
  source = conversion_flags.limited(values, source)
  info = conversion.check(source, values.workers)
  return info, conversion.samples(source, values.num_samples)


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


def _draw_sheet(values: flags.FlagValues, info, samples) -> None:
  from deeplab_nas.data import sample_sheet

  sheet = sample_sheet.draw(itertools.islice(samples, values.num_samples), info)
  temporary = f'{values.sheet}.part'
  sheet.save(temporary, 'PNG')
  os.replace(temporary, values.sheet)
  logging.info('Samples are drawn in %s.', values.sheet)


CHECK = command.Command(
  name='check',
  summary='Checks a dataset: TFRecord shards, or a folder to convert.',
  define=_define,
  main=_main,
  examples=(
    ('check', '--dataset_dir=mine_tfrecord'),
    ('check', '--data_dir=mine', '--sheet=samples.png'),
  ),
  text="""
Exits with 0 if all is well, and with 2 and one sentence per problem if not.
""",
)

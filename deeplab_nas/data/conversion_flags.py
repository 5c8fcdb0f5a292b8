"""The flags that all converters share."""

from __future__ import annotations

import dataclasses
import gc
import os

from absl import flags, logging

from deeplab_nas.data import conversion, dataset_info, image_files, layouts


def define(mask_modes: bool = False) -> None:
  """Defines the shared flags; called at the top of a script.

  Args:
    mask_modes: Whether to offer `--mask_mode` as well.
  """
  define_mask_flags(mask_modes)
  flags.DEFINE_string('data_dir', None, 'Folder to convert.', required=True)
  flags.DEFINE_string(
    'output_dir', None, 'Folder for shards and dataset.json.', required=True
  )
  flags.DEFINE_integer('num_shards', 4, 'Shards per split.')
  flags.DEFINE_integer('workers', 0, 'Worker processes; 0: one per core.')
  flags.DEFINE_boolean(
    'overwrite', False, 'Replace shards of another dataset in output_dir.'
  )


def define_mask_flags(mask_modes: bool = False) -> None:
  """Defines the flags of reading files; if wanted, `--mask_mode` too."""
  flags.DEFINE_string(
    'map',
    '',
    'Replaces mask values: value:class, first-last:class or #rrggbb:class,'
    ' separated by commas; a class is an index, a name or ignore. Example:'
    ' 255:1,7:ignore',
  )
  flags.DEFINE_integer('ignore_label', 255, 'Mask value that is no class.')
  flags.DEFINE_boolean(
    'follow_links', False, 'Read files that links lead to, out of the folder.'
  )
  define_max_image_pixels()
  if mask_modes:
    flags.DEFINE_enum(
      'mask_mode',
      'auto',
      ['auto', 'index', 'color'],
      'Reads palette masks by index or by colour; auto goes by colour where'
      ' the palette holds the colours of the labels file.',
    )


def define_max_image_pixels() -> None:
  flags.DEFINE_integer(
    'max_image_pixels',
    image_files.MAX_PIXELS,
    'Images of more pixels are refused before they are decoded.',
    lower_bound=1,
    upper_bound=image_files.MAX_PIXELS,
  )


def mask_options(mode: str = 'auto') -> layouts.MaskOptions:
  values = flags.FLAGS
  return layouts.MaskOptions(
    values.map, values.ignore_label, mode, values.follow_links
  )


def limited(source: layouts.Source) -> layouts.Source:
  """The source with the limit of `--max_image_pixels`."""
  return dataclasses.replace(source, max_pixels=flags.FLAGS.max_image_pixels)


def convert(source: layouts.Source) -> None:
  """Converts as the flags say and logs the result."""
  # TensorFlow's start-up notes would bury the messages of the converter.
  os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '3')
  values = flags.FLAGS
  output = conversion.Output(
    values.output_dir, values.num_shards, values.workers, values.overwrite
  )
  report(conversion.convert(limited(source), output), values.output_dir)
  # The command is at its end, where to look for cycles among the objects of
  # TensorFlow would take a second.
  gc.freeze()


def report(info: dataset_info.DatasetInfo, where: str) -> None:
  """Logs the counts of a dataset."""
  logging.info(
    '%s: %d classes, ignore label %d, mean pixel %s.',
    where,
    info.num_classes,
    info.ignore_label,
    ', '.join(f'{value:.1f}' for value in info.mean_pixel),
  )
  for name, split in info.splits.items():
    labelled = sum(split.class_pixels)
    share = 100 * labelled / max(labelled + split.ignored_pixels, 1)
    shards = f' in {split.num_shards} shards' if split.num_shards else ''
    logging.info(
      '%s: %d examples%s, up to %d x %d pixels, %.1f %% labelled.',
      name,
      split.num_examples,
      shards,
      *split.max_size,
      share,
    )

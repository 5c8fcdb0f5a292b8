"""The flags that all converters share."""

from __future__ import annotations

import dataclasses

from absl import flags, logging

from deeplab_nas import wording
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.data import conversion, dataset_info, image_files, layouts


def define(values: flags.FlagValues) -> None:
  """Defines where from, where to and how fast."""
  define_ = flags_lib.Definer(values)
  define_.path('data_dir', None, 'Folder to convert.', required=True)
  define_.path(
    'output_dir', None, 'Folder for shards and dataset.json.', required=True
  )
  define_.integer('num_shards', 4, 'Shards per split.')
  define_.integer('workers', 0, 'Worker processes; 0: one per core.')
  define_.boolean(
    'overwrite', False, 'Replace shards of another dataset in output_dir.'
  )


def define_mask_flags(
  values: flags.FlagValues, mask_modes: bool = False
) -> None:
  """Defines the flags of reading files; if wanted, `--mask_mode` too."""
  define_ = flags_lib.Definer(values)
  define_.string(
    'map',
    '',
    'Replaces mask values: value:class, first-last:class or #rrggbb:class,'
    ' separated by commas; a class is an index, a name or ignore. Example:'
    ' 255:1,7:ignore',
  )
  define_.integer('ignore_label', 255, 'Mask value that is no class.')
  define_.boolean(
    'follow_links', False, 'Read files that links lead to, out of the folder.'
  )
  define_max_image_pixels(values)
  if mask_modes:
    define_.enum(
      'mask_mode',
      'auto',
      ['auto', 'index', 'color'],
      'Reads palette masks by index or by colour; auto goes by colour where'
      ' the palette holds the colours of the labels file.',
    )


def define_max_image_pixels(values: flags.FlagValues) -> None:
  """Defines the limit of images that are decoded."""
  flags_lib.Definer(values).integer(
    'max_image_pixels',
    image_files.MAX_PIXELS,
    'Images of more pixels are refused before they are decoded.',
    lower_bound=1,
    upper_bound=image_files.MAX_PIXELS,
  )


def mask_options(
  values: flags.FlagValues, mode: str = 'auto'
) -> layouts.MaskOptions:
  """How masks are read, as the flags say."""
  return layouts.MaskOptions(
    values.map, values.ignore_label, mode, values.follow_links
  )


def limited(values: flags.FlagValues, source: layouts.Source) -> layouts.Source:
  """The source with the limit of `--max_image_pixels`."""
  return dataclasses.replace(source, max_pixels=values.max_image_pixels)


def convert(values: flags.FlagValues, source: layouts.Source) -> None:
  """Converts as the flags say and logs the result."""
  output = conversion.Output(
    values.output_dir, values.num_shards, values.workers, values.overwrite
  )
  report(conversion.convert(limited(values, source), output), values.output_dir)


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
    shards = wording.counted(split.num_shards, 'shard')
    logging.info(
      '%s: %s%s, up to %d x %d pixels, %.1f %% labelled.',
      name,
      wording.counted(split.num_examples, 'example'),
      f' in {shards}' if split.num_shards else '',
      *split.max_size,
      share,
    )

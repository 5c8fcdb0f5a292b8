"""`convert`: data in three layouts of folders, to TFRecord shards."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from deeplab_nas.cli import command, conversion_flags
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.data import layouts


def _define_folder(values: flags.FlagValues) -> None:
  conversion_flags.define(values)
  define = flags_lib.Definer(values)
  define.path('labels', None, 'Labels file, if not the one in data_dir.')
  define.string('mask_suffix', '', 'What masks add to the image name.')
  define.float('val_fraction', 0.2, 'Part of a random split to validate on.')
  define.integer('seed', 0, 'Seed of the random split.')
  conversion_flags.define_mask_flags(values, mask_modes=True)


def _folder(values: flags.FlagValues, _: Sequence[str]) -> None:
  source = layouts.folder(
    values.data_dir,
    values.labels,
    values.mask_suffix,
    values.val_fraction,
    values.seed,
    conversion_flags.mask_options(values, values.mask_mode),
  )
  conversion_flags.convert(values, source)


FOLDER = command.Command(
  name='convert folder',
  summary='Converts your own images and masks to TFRecord shards.',
  define=_define_folder,
  main=_folder,
  examples=(
    ('convert folder', '--data_dir=mine', '--output_dir=mine_tfrecord'),
  ),
  text="""
data_dir holds images/, masks/ (equal names; index, palette or colour masks)
and labels.txt, labels.json or labels.yaml. Splits come from train.txt and
val.txt, from images/train and images/val, or at random with a seed.
""",
)


def _define_cityscapes(values: flags.FlagValues) -> None:
  conversion_flags.define(values)
  flags_lib.Definer(values).list(
    'splits', 'train,val', 'Splits to convert: train, val, test.'
  )
  conversion_flags.define_mask_flags(values)


def _cityscapes(values: flags.FlagValues, _: Sequence[str]) -> None:
  source = layouts.cityscapes(
    values.data_dir, values.splits, conversion_flags.mask_options(values)
  )
  conversion_flags.convert(values, source)


CITYSCAPES = command.Command(
  name='convert cityscapes',
  summary='Converts Cityscapes, or data in its layout, to TFRecord shards.',
  define=_define_cityscapes,
  main=_cityscapes,
  examples=(
    (
      'convert cityscapes',
      '--data_dir=cityscapes',
      '--output_dir=cityscapes_tfrecord',
    ),
  ),
  text="""
data_dir holds leftImg8bit/{train,val}/<city>/*_leftImg8bit.png and
gtFine/{train,val}/<city>/*_gtFine_labelTrainIds.png (or *_labelIds.png).
""",
)


def _define_voc(values: flags.FlagValues) -> None:
  conversion_flags.define(values)
  define = flags_lib.Definer(values)
  define.list('splits', 'train,val', 'Names of split lists to convert.')
  define.path(
    'labels',
    None,
    'Labels file, if not the one in data_dir; without any, the 21 VOC classes.',
  )
  conversion_flags.define_mask_flags(values, mask_modes=True)


def _voc(values: flags.FlagValues, _: Sequence[str]) -> None:
  source = layouts.pascal_voc(
    values.data_dir,
    values.splits,
    values.labels,
    conversion_flags.mask_options(values, values.mask_mode),
  )
  conversion_flags.convert(values, source)


VOC = command.Command(
  name='convert voc',
  summary='Converts Pascal VOC 2012, or data in its layout, to TFRecord.',
  define=_define_voc,
  main=_voc,
  examples=(
    (
      'convert voc',
      '--data_dir=VOCdevkit/VOC2012',
      '--output_dir=voc2012_tfrecord',
    ),
  ),
  text="""
data_dir holds JPEGImages/, SegmentationClass/ (palette or index masks) and
ImageSets/Segmentation/{train,val}.txt. Other classes than Pascal's come from
a labels file in data_dir, such as CVAT's labelmap.txt, or --labels.
""",
)

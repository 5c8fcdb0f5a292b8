"""Converts your own images and masks to TFRecord shards.

  python datasets/build_folder_data.py \
      --data_dir=mine --output_dir=mine_tfrecord

`data_dir` holds images/, masks/ (equal names; index, palette or colour masks)
and labels.txt, labels.json or labels.yaml. Splits come from train.txt and
val.txt, from images/train and images/val, or at random with a seed.
"""

from __future__ import annotations

from absl import flags

from deeplab_nas import errors
from deeplab_nas.data import conversion_flags, layouts

FLAGS = flags.FLAGS
conversion_flags.define(mask_modes=True)
flags.DEFINE_string('labels', None, 'Labels file, if not the one in data_dir.')
flags.DEFINE_string('mask_suffix', '', 'What masks add to the image name.')
flags.DEFINE_float(
  'val_fraction', 0.2, 'Part of a random split to validate on.'
)
flags.DEFINE_integer('seed', 0, 'Seed of the random split.')


def main(_) -> None:
  conversion_flags.convert(
    layouts.folder(
      FLAGS.data_dir,
      FLAGS.labels,
      FLAGS.mask_suffix,
      FLAGS.val_fraction,
      FLAGS.seed,
      conversion_flags.mask_options(FLAGS.mask_mode),
    )
  )


if __name__ == '__main__':
  errors.run(main)

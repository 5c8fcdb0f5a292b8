"""Converts Cityscapes, or data in its folder layout, to TFRecord shards.

  python datasets/build_cityscapes_data.py \
      --data_dir=cityscapes --output_dir=cityscapes_tfrecord

`data_dir` holds leftImg8bit/{train,val}/<city>/*_leftImg8bit.png and
gtFine/{train,val}/<city>/*_gtFine_labelTrainIds.png (or *_labelIds.png).
"""

from __future__ import annotations

from absl import flags

from deeplab_nas import errors
from deeplab_nas.data import conversion_flags, layouts

FLAGS = flags.FLAGS
conversion_flags.define()
flags.DEFINE_list('splits', 'train,val', 'Splits to convert: train, val, test.')


def main(_) -> None:
  conversion_flags.convert(
    layouts.cityscapes(
      FLAGS.data_dir, FLAGS.splits, conversion_flags.mask_options()
    )
  )


if __name__ == '__main__':
  errors.run(main)

"""Converts Pascal VOC 2012, or data in its folder layout, to TFRecord shards.

  python datasets/build_voc2012_data.py \
      --data_dir=VOCdevkit/VOC2012 --output_dir=voc2012_tfrecord

`data_dir` holds JPEGImages/, SegmentationClass/ (palette or index masks) and
ImageSets/Segmentation/{train,val}.txt. Other classes than Pascal's come from
`--labels`.
"""

from __future__ import annotations

from absl import flags

from deeplab_nas import errors
from deeplab_nas.data import conversion_flags, layouts

FLAGS = flags.FLAGS
conversion_flags.define(mask_modes=True)
flags.DEFINE_list('splits', 'train,val', 'Names of split lists to convert.')
flags.DEFINE_string(
  'labels', None, 'labels.txt, .json or .yaml; default: the 21 VOC classes.'
)


def main(_) -> None:
  conversion_flags.convert(
    layouts.pascal_voc(
      FLAGS.data_dir,
      FLAGS.splits,
      FLAGS.labels,
      conversion_flags.mask_options(FLAGS.mask_mode),
    )
  )


if __name__ == '__main__':
  errors.run(main)

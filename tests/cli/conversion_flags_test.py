from __future__ import annotations

import logging

from deeplab_nas.cli import conversion_flags
from deeplab_nas.data import dataset_info


def test_report_tells_sizes_and_shares(caplog):
  split = dataset_info.SplitInfo(7, 2, (12, 20), (8, 16), (30, 60), 10)
  info = dataset_info.DatasetInfo(
    'x', ('a', 'b'), ((0, 0, 0), (9, 9, 9)), splits={'train': split}
  )
  with caplog.at_level(logging.INFO, 'absl'):
    conversion_flags.report(info, 'here')
  assert 'here: 2 classes, ignore label 255' in caplog.text
  assert (
    'train: 7 examples in 2 shards, up to 12 x 20 pixels, 90.0 % labelled.'
    in caplog.text
  )

"""What statistics of crops and of whole images are worth, in miniature."""

from __future__ import annotations

import numpy as np

from benchmarks import norm_statistics
from tests.train import tiny_training


def test_one_photograph_in_twelve_has_a_shadow_and_all_have_thin_cracks():
  images, masks = norm_statistics.draw(0, 13, (64, 96))
  assert images.shape == (13, 64, 96, 3) and images.dtype == np.uint8
  columns = images.mean(-1).mean(1)  # [13, 96]
  is_shaded = (columns < 50).sum(1) >= 96 // 4
  assert np.flatnonzero(is_shaded).tolist() == [0, 12]
  assert all(0 < mask.mean() < 0.1 for mask in masks)
  for image, mask in zip(images[1:12], masks[1:12]):
    assert image[mask == 1].mean() < 0.8 * image[mask == 0].mean()


def test_whole_images_come_in_the_order_of_the_seed():
  photographs = norm_statistics.draw(0, 5, (64, 96))
  (first, _), (last, _) = norm_statistics.whole(photographs)
  np.testing.assert_array_equal(first, photographs.images[:4])
  assert last.shape == (1, 64, 96, 3)
  shuffled = np.concatenate(
    [images for images, _ in norm_statistics.whole(photographs, seed=1)]
  )
  assert not np.array_equal(shuffled, photographs.images)
  assert sorted(shuffled.sum((1, 2, 3))) == sorted(
    photographs.images.sum((1, 2, 3), dtype=np.float32)
  )


def test_it_prints_a_row_for_each_choice_of_statistics(capsys, tmp_path):
  small = [
    '--filters=1',
    '--crop=33',
    '--images=4',
    '--val_images=4',
    '--epsilon=0.01',
    '--size',
    '48',
    '48',
  ]
  found = tmp_path / 'found.json'
  tiny_training.GENOTYPE.save(found)
  norm_statistics.main([f'--genotype={found}', '--steps=1', *small])
  lines = capsys.readouterr().out.splitlines()
  assert [line.split(' | ')[0] for line in lines] == [
    '| statistics',
    '|---|---|---|---|---|---|',
    '| moving, momentum 0.9',
    '| 20 batches of crops',
    '| 1 of whole images',
    '| 5 of whole images',
  ]
  rows = [[float(x) for x in line.split(' | ')[1:5]] for line in lines[2:]]
  for loss, worst, miou, largest in rows:
    assert 0 < loss <= worst and 0 <= miou <= 1 and largest >= 0
  assert rows[0] != rows[1] != rows[2]

"""Tables of scores, line by line."""

import csv
import dataclasses
import io

import numpy as np

from deeplab_nas.evaluate import image_counts, score_table, scores

NAMES = ('road', 'tree')


def result(num_images=2):
  counts = np.zeros([num_images, 2, 3, 2], np.int64)
  counts[:, 0] = [[3, 3], [5, 5], [5, 5]]
  counts[:, 1] = [[1, 1], [3, 3], [3, 3]]
  images = image_counts.ImageCounts(('x',) * num_images, counts)
  confusion = num_images * np.array([[3, 2], [2, 3]])
  return scores.Scores(NAMES, confusion, num_images, 7, images)


def test_people_see_shares_in_percent_and_intervals():
  lines = score_table.to_text(result()).splitlines()
  assert lines[0].split() == [
    'class',
    'IoU',
    '(95',
    '%)',
    'recall',
    'precision',
    'F1',
    'boundary',
    'pixels',
  ]
  assert ' '.join(lines[1].split()) == (
    'road 42.86 % 42.9 - 42.9 60.00 % 60.00 % 60.00 % 20.00 % 10'
  )
  assert ' '.join(lines[4].split()) == 'mean IoU 42.86 % (95 %) 42.9 - 42.9'
  assert ' '.join(lines[5].split()) == 'mean boundary IoU 20.00 %'
  assert lines[-2:] == [
    'For comparison, road everywhere: mean IoU 25.00 %, pixel accuracy 50.00 %',
    '2 images, 7 pixels ignored',
  ]
  assert max(map(len, lines)) <= 120


def test_cross_entropy_is_shown_where_it_was_measured():
  plain = result()
  images = dataclasses.replace(plain.images, nats=np.array([4.0, 6.0]))
  lines = score_table.to_text(
    dataclasses.replace(plain, images=images)
  ).splitlines()
  # 10 nats over 2 images of 10 labelled pixels.
  assert [x.split() for x in lines if 'entropy' in x] == [
    ['cross-entropy', '0.5000']
  ]
  assert 'entropy' not in score_table.to_text(plain)


def test_one_image_has_no_interval():
  assert ' - ' in score_table.to_text(result(1)).splitlines()[1]
  assert score_table.span(result(1).intervals.miou) == '-'


def test_programs_find_the_old_columns_where_they_were():
  rows = list(csv.reader(io.StringIO(score_table.to_csv(result()))))
  assert rows[0] == [
    'class',
    'iou',
    'accuracy',
    'labelled_pixels',
    'predicted_pixels',
    'precision',
    'recall',
    'f1',
    'boundary_iou',
    'iou_low',
    'iou_high',
  ]
  third, fifth = f'{3 / 7:.6f}', '0.600000'
  assert rows[1] == [
    'road',
    third,
    fifth,
    '10',
    '10',
    fifth,
    fifth,
    fifth,
    '0.200000',
    third,
    third,
  ]
  assert rows[3][:5] == ['mean or sum', third, fifth, '20', '20']

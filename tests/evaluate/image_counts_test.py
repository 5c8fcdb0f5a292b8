"""Counts of images by hand, written and read."""

import csv
import io

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.evaluate import boundary, image_counts, scores

RNG = np.random.default_rng(0)


def pair(height=30, width=41):
  label = RNG.integers(3, size=[height // 5 + 1, width // 5 + 1])
  label = label.repeat(5, 0).repeat(5, 1)[:height, :width]
  prediction = np.roll(label, (1, 2), (0, 1)).astype(np.uint8)
  label = label.astype(np.int32)
  label[:4, :7] = 255
  return label, prediction


def counted(label, prediction, num_classes=3, ignore_label=255):
  confusion = scores.confusion_matrix(
    label, prediction, num_classes, ignore_label
  )
  return image_counts.count(label, prediction, confusion, ignore_label)


def test_all_pixels_are_those_of_the_confusion_matrix():
  label, prediction = pair()
  counts = counted(label, prediction)
  assert counts.shape == (2, 3, 3) and counts.dtype == np.int64
  confusion = scores.confusion_matrix(label, prediction, 3, 255)
  expected = [np.diagonal(confusion), confusion.sum(1), confusion.sum(0)]
  np.testing.assert_array_equal(counts[image_counts.PIXELS], expected)


def test_boundary_iou_is_that_of_the_definition():
  label, prediction = pair()
  counts = counted(label, prediction)
  d = boundary.distance(*label.shape)
  found = image_counts.iou(counts[image_counts.CONTOURS])
  is_valid = label != 255
  for c in range(3):
    labelled, predicted = (
      (x == c) & boundary.near_contour((x == c) & is_valid, d) & is_valid
      for x in (label, prediction)
    )
    expected = (labelled & predicted).sum() / (labelled | predicted).sum()
    assert found[c] == pytest.approx(expected)
    assert 0 < expected < 1
  inner = image_counts.iou(counts[image_counts.PIXELS])
  assert (found < inner).all()  # a shift shows most at contours


def test_what_is_ignored_does_not_matter():
  label, prediction = pair()
  other = np.where(label == 255, 2, prediction)
  np.testing.assert_array_equal(
    counted(label, prediction),
    counted(label, other),
  )
  nothing = np.full_like(label, 255)
  assert not counted(nothing, prediction).any()


def test_there_may_be_more_classes_than_a_byte_tells_apart():
  label = np.arange(300).reshape(20, 15)
  counts = counted(label, label[::-1], 300, 1000)
  assert counts[0, 1:].tolist() == [[1] * 300] * 2
  assert counts[1, 1:].tolist() == [[1] * 300] * 2  # each pixel is a contour


def test_a_class_can_be_the_ignored_one():
  label, prediction = np.array([[0, 0, 1]]), np.array([[0, 1, 0]])
  counts = counted(label, prediction, 2, 0)
  np.testing.assert_array_equal(counts[0], [[0, 0], [0, 1], [1, 0]])


@pytest.fixture
def images():
  counts = np.zeros([4, 2, 3, 2], np.int64)
  counts[:, 0] = [
    [[8, 0], [8, 2], [10, 0]],  # IoU 0.8 and 0
    [[6, 4], [6, 4], [6, 4]],
    [[0, 0], [0, 0], [0, 0]],  # nothing labelled
    [[0, 1], [0, 4], [3, 1]],  # IoU 0 and 0.25
  ]
  nats = np.array([4.5, 0.0, 0.0, 8.0])
  return image_counts.ImageCounts(('a', 'b, c', 'd', 'e'), counts, nats)


def test_the_worst_image_comes_first(images):
  text = images.to_csv(('road', 'tree'))
  rows = list(csv.DictReader(io.StringIO(text)))
  assert [row['image'] for row in rows] == ['e', 'a', 'b, c', 'd']
  assert rows[0] == {
    'image': 'e',
    'miou': '0.125000',
    'pixel_accuracy': '0.250000',
    'labelled_pixels': '4',
    'iou_road': '0.000000',
    'iou_tree': '0.250000',
    'cross_entropy': '2.000000',
  }
  assert rows[3]['miou'] == rows[3]['pixel_accuracy'] == ''
  assert rows[3]['labelled_pixels'] == '0' and rows[3]['iou_road'] == ''
  assert rows[3]['cross_entropy'] == ''


def test_it_is_read_back(images):
  read = image_counts.ImageCounts.from_bytes(images.to_bytes(), 'x')
  assert read.names == images.names
  np.testing.assert_array_equal(read.counts, images.counts)
  np.testing.assert_array_equal(read.nats, images.nats)


def test_cross_entropy_is_that_of_all_labelled_pixels(images):
  labelled = images.counts[:, 0, 1].sum()
  assert images.cross_entropy == 12.5 / labelled


def test_files_of_earlier_releases_have_no_cross_entropy(images):
  old = image_counts.ImageCounts(images.names, images.counts)
  read = image_counts.ImageCounts.from_bytes(old.to_bytes(), 'x')
  assert read.nats is None and np.isnan(read.cross_entropy)
  assert read.to_csv(('road', 'tree')).splitlines()[1].endswith(',')


@pytest.mark.parametrize('cut', [0, 3, 200, None])
def test_something_else_is_refused(images, cut):
  content = images.to_bytes()[:cut]
  if cut is None:
    stream = io.BytesIO()
    np.savez(stream, names=['a'], counts=np.zeros([2, 2, 3, 1]))
    content = stream.getvalue()
  with pytest.raises(errors.UserError, match='^x is damaged: evaluate'):
    image_counts.ImageCounts.from_bytes(content, 'x')


def test_no_flipped_bit_is_another_error(images):
  """Zip's checks find it, or it is somewhere that is not read."""
  content, refused = bytearray(images.to_bytes()), 0
  for place in range(0, len(content), 3):
    content[place] ^= 0x10
    try:
      image_counts.ImageCounts.from_bytes(bytes(content), 'x')
    except errors.UserError:
      refused += 1
    content[place] ^= 0x10
  assert refused > len(content) / 6


@pytest.mark.parametrize(
  'name, value',
  [
    ('names', np.array('a')),
    ('names', np.array([1])),
    ('counts', np.full([1, 2, 3, 1], 'a')),
    ('nats', np.array(['a'])),
    ('nats', np.zeros([2])),
  ],
)
def test_arrays_of_other_kinds_are_refused(name, value):
  arrays = {'names': np.array(['a']), 'counts': np.zeros([1, 2, 3, 1], int)}
  stream = io.BytesIO()
  np.savez(stream, **{**arrays, name: value})
  with pytest.raises(errors.UserError, match='^x is damaged: evaluate'):
    image_counts.ImageCounts.from_bytes(stream.getvalue(), 'x')
  stream = io.BytesIO()
  np.savez(stream, **arrays)
  image_counts.ImageCounts.from_bytes(stream.getvalue(), 'x')


def test_a_mean_is_over_what_is_known():
  values = np.array([[1.0, np.nan, 3.0], [np.nan] * 3])
  np.testing.assert_array_equal(image_counts.mean_of_known(values), [2, np.nan])


def test_large_counts_do_not_lose_pixels():
  counts = np.full([3, 3, 1], 2**40, np.int64)
  counts[:, 0] -= 1
  sums = image_counts.weighted_sums(np.ones([1, 3]), counts)
  np.testing.assert_array_equal(sums[0], counts.sum(0))


def test_sums_count_an_image_as_often_as_its_weight_says():
  counts = RNG.integers(99, size=[2, 3, 4])
  sums = image_counts.weighted_sums(np.array([[2.0, 0], [1, 3]]), counts)
  np.testing.assert_array_equal(sums[0], 2 * counts[0])
  np.testing.assert_array_equal(sums[1], counts[0] + 3 * counts[1])

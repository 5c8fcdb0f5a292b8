"""The picture of a confusion matrix."""

import io

import numpy as np
import pytest
from PIL import Image

from deeplab_nas.evaluate import confusion_picture, scores


def drawn(confusion):
  names = tuple(f'class {i}' for i in range(len(confusion)))
  result = scores.Scores(names, np.array(confusion, np.int64), 1, 0)
  return Image.open(io.BytesIO(confusion_picture.draw(result)))


@pytest.mark.parametrize('num_classes', [1, 2, 40])
def test_any_number_of_classes_is_drawn(num_classes):
  picture = drawn(np.eye(num_classes) * 3)
  assert picture.format == 'PNG'
  colours = np.asarray(picture.convert('RGB')).reshape(-1, 3)
  # Viridis' yellow for 100 %, in the colour bar and on the diagonal.
  assert (np.abs(colours - [253, 231, 37]).sum(1) < 10).sum() > 100


def test_classes_that_are_nowhere_take_no_room():
  seen = drawn([[3, 1], [0, 2]])
  padded = np.zeros([9, 9])
  padded[:2, :2] = [[3, 1], [0, 2]]
  assert drawn(padded).size == seen.size


def test_an_evaluation_of_nothing_is_drawn():
  assert drawn(np.zeros([3, 3])).width > 0


@pytest.mark.parametrize(
  'number, text',
  [
    (0, '0'),
    (999, '999'),
    (1000, '1.00 k'),
    (12_345, '12.3 k'),
    (950_000, '950 k'),
    (4_560_000, '4.56 M'),
    (1_200_000_000, '1.20 G'),
  ],
)
def test_counts_are_short(number, text):
  assert confusion_picture.short_count(number) == text


def test_a_long_name_does_not_push_the_matrix_aside():
  result = scores.Scores(('a' * 200, 'b'), np.eye(2, dtype=np.int64), 1, 0)
  picture = Image.open(io.BytesIO(confusion_picture.draw(result)))
  assert picture.width < 1000

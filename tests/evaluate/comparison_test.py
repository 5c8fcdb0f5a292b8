"""Two made-up evaluations side by side."""

import dataclasses
import subprocess
import sys

import pytest

from deeplab_nas import errors
from deeplab_nas.evaluate import comparison, evaluated, image_counts
from tests import command
from tests.evaluate import evaluations


def compared(*runs):
  return comparison.compare(*map(evaluated.Evaluated.load, runs))


def rows(text, first):
  """The words of the lines that begin so."""
  return [x.split() for x in text.splitlines() if x.startswith(first)]


@pytest.fixture
def runs(tmp_path):
  a = evaluations.write(
    tmp_path / 'a', 0.6, seconds=[60.0], train={'epochs': 5}
  )
  b = evaluations.write(
    tmp_path / 'b',
    0.75,
    seconds=[50.0, 40.0],
    train={'epochs': 5, 'class_weights': 'sqrt_inverse'},
    data={'dir': 'elsewhere'},
  )
  return a, b


def test_settings_that_differ_are_shown_and_no_others(runs):
  text = compared(*runs)
  settings = text.split('Settings that differ:\n')[1].split('\n\n')[0]
  assert [line.split() for line in settings.splitlines()] == [
    ['A', 'B'],
    ['train.class_weights', '"none"', '"sqrt_inverse"'],
  ]
  assert 'Settings that differ:\n  none\n' in compared(runs[0], runs[0])


def test_cross_entropies_are_compared_where_both_have_them(runs):
  a, b = map(evaluated.Evaluated.load, runs)
  assert 'cross-entropy' not in comparison.compare(a, b)
  labelled = a.pixels[:, 1].sum(1)
  a, b = (
    dataclasses.replace(
      x, images=dataclasses.replace(x.images, nats=nats * labelled)
    )
    for x, nats in ((a, 0.75), (b, 0.5))
  )
  order = [*range(1, len(b.images.names)), 0]
  shuffled = image_counts.ImageCounts(
    tuple(b.images.names[i] for i in order),
    b.images.counts[order],
    b.images.nats[order],
  )
  text = comparison.compare(a, dataclasses.replace(b, images=shuffled))
  assert rows(text, 'cross-entropy') == [
    ['cross-entropy', '0.7500', '0.5000', '-0.2500']
  ]


def test_scores_have_intervals_and_a_p_value(runs):
  text = compared(*runs)
  mean, of_contours = rows(text, 'mean')
  # Their counts are made up to be the same.
  assert of_contours[:3] == ['mean', 'boundary', 'IoU']
  assert of_contours[3:] == mean[1:]
  a, b = (evaluated.Evaluated.load(run).results['miou'] for run in runs)
  assert float(mean[1]) == pytest.approx(100 * a, abs=0.006)
  assert float(mean[6]) == pytest.approx(100 * b, abs=0.006)
  gap, low, high = float(mean[11]), float(mean[12]), float(mean[14])
  assert gap == pytest.approx(100 * (b - a), abs=0.006)
  assert 0 < low < gap < high
  assert len([rows(text, name) for name in evaluations.NAMES]) == 3
  assert 'p = below 0.001 (paired permutation' in text
  assert max(map(len, text.splitlines())) <= 110
  assert 'p = 1.0000 ' in compared(runs[0], runs[0])


def test_few_images_are_said_to_be_few(runs, tmp_path):
  assert 'So few images, 12: ' in compared(*runs)
  assert 'p cannot be below 0.00049.' in compared(*runs)
  images = [f'{i}.png' for i in range(30)]
  many = [
    evaluations.write(tmp_path / name, skill, images=images, repeats=3)
    for name, skill in (('c', 0.6), ('d', 0.7))
  ]
  assert 'are few' not in compared(*many)


def test_costs_and_time_have_a_ratio(runs):
  text = compared(*runs)
  assert rows(text, 'parameters') == [
    ['parameters', '600,000', '750,000', '1.25']
  ]
  assert rows(text, 'multiply-adds')[0][-3:] == ['2,000,000'] * 2 + ['1.00']
  assert rows(text, 'training') == [
    ['training', '0:01:00', 'h', '0:01:30', 'h', '1.50']
  ]


def test_the_order_of_the_images_does_not_matter(runs, tmp_path):
  text = compared(*runs)
  a = evaluated.Evaluated.load(runs[0])
  b = evaluated.Evaluated.load(runs[1])
  turned = type(b.images)(b.images.names[::-1], b.images.counts[::-1])
  other = type(b)(b.folder, b.results, turned, b.settings, b.seconds)
  assert comparison.compare(a, other) == text


def test_other_images_are_refused(runs, tmp_path):
  names = [f'image{i}.png' for i in range(5)]
  other = evaluations.write(tmp_path / 'c', 0.7, images=names)
  with pytest.raises(errors.UserError) as caught:
    compared(runs[0], other)
  assert '(12 images)' in str(caught.value) and '(5)' in str(caught.value)
  assert 'other images, such as image10.png' in str(caught.value)


def test_the_same_names_with_other_labels_are_refused(runs, tmp_path):
  names = [f'image{i}.png' for i in range(12)]
  names[3], names[4] = names[4], names[3]
  other = evaluations.write(tmp_path / 'c', 0.7, images=names)
  with pytest.raises(errors.UserError, match='other labels, such as image3'):
    compared(runs[0], other)


def test_other_classes_are_refused(runs, monkeypatch, tmp_path):
  monkeypatch.setattr(evaluations, 'NAMES', ('road', 'tree', 'bus'))
  other = evaluations.write(tmp_path / 'c', 0.7)
  with pytest.raises(errors.UserError, match='are of other classes'):
    compared(runs[0], other)


def test_one_image_decides_nothing(tmp_path):
  runs = [
    evaluations.write(tmp_path / name, skill, images=['image0.png'])
    for name, skill in (('a', 0.6), ('b', 0.8))
  ]
  assert 'Too few images to say' in compared(*runs)


def test_no_tensorflow_is_needed():
  program = (
    'import sys\n'
    'from deeplab_nas.evaluate import comparison\n'
    'sys.exit("tensorflow" in sys.modules)\n'
  )
  done = subprocess.run([sys.executable, '-c', program], cwd=command.ROOT)
  assert done.returncode == 0

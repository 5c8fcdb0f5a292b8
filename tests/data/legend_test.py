"""Keys hold what occurs, within the width that there is."""

import numpy as np

from deeplab_nas.data import dataset_info, legend

INFO = dataset_info.DatasetInfo(
  'made',
  ('road', 'sky', 'car', 'void'),
  ((255, 0, 0), (0, 255, 0), (0, 0, 255), (9, 9, 9)),
  ignore_label=3,
)


def test_classes_that_occur_are_listed_and_no_other():
  labels = [np.array([[0, 3]]), np.array([[2, 255]])]
  assert legend.of_classes(INFO, labels) == [
    ('0 road', (255, 0, 0)),
    ('2 car', (0, 0, 255)),
  ]


def test_every_colour_is_shown():
  entries = legend.of_classes(INFO, [np.arange(3)])
  pixels = np.asarray(legend.draw(entries, 400)).reshape(-1, 3)
  assert pixels.shape[0] == 400 * legend.LINE
  for _, colour in entries:
    assert (pixels == colour).all(-1).sum() >= 64


def test_lines_break_where_the_width_ends():
  entries = [(f'{i} класс', (i, 0, 0)) for i in range(40)]
  picture = legend.draw(entries, 120)
  assert picture.width == 120
  assert 20 * legend.LINE <= picture.height <= 40 * legend.LINE


def test_no_entries_and_long_names_are_drawn():
  assert legend.draw([], 50).size == (50, legend.LINE)
  assert legend.draw([('x' * 300, (1, 2, 3))], 50).size == (50, legend.LINE)
  shown = legend.fitting('a/b/c/' + 'x' * 300, 100)
  assert shown.startswith('...x') and legend.font().getlength(shown) <= 100


def test_line_breaks_and_control_characters_are_drawn_as_marks():
  assert legend.fitting('run\none\tb\x07', 400) == 'run?one?b?'

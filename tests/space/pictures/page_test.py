"""A page has room for its lines and boxes, and becomes a file."""

from xml.etree import ElementTree

import numpy as np
import pytest

from deeplab_nas.space.pictures import page

PNG = b'\x89PNG\r\n'


def test_a_box_is_stretched_to_the_end_of_another_but_never_shrunk():
  narrow, wide = page.Box(2, 1, left=0.5), page.Box(3, 1, left=0.1)
  assert narrow.up_to(wide) == page.Box(2.6, 1, left=0.5)
  assert wide.up_to(narrow) == wide


def test_a_legend_leaves_the_axes_as_high_as_they_were():
  box = page.Box(2, 1).with_legend()
  assert (box.height, box.bottom) == (1.25, 0.55)


def test_axes_lie_below_one_another_with_their_margins():
  boxes = [page.Box(4, 2, left=1, top=0.5, bottom=0.25), page.Box(3, 1)]
  figure, axes = page.lay_out(boxes, ['a title', 'a line'])
  width, height = figure.get_size_inches()
  places = [each.get_position() for each in axes]
  assert [place.width * width for place in places] == pytest.approx([4, 3])
  assert places[0].height * height == pytest.approx(2 - 0.5 - 0.25)
  assert places[0].x0 * width == pytest.approx(1)
  assert places[1].y1 < places[0].y0
  assert [text.get_text() for text in figure.texts] == ['a title', 'a line']


def test_a_page_is_as_wide_as_its_longest_line():
  figure, _ = page.lay_out([page.Box(1, 1)], ['x' * 100])
  assert figure.get_size_inches()[0] == pytest.approx(8.8)


def test_suffix_decides_the_format(tmp_path):
  figure, _ = page.lay_out([page.Box(1, 1)], ['a'])
  page.save(figure, tmp_path / 'a.png')
  page.save(figure, str(tmp_path / 'a.svg'))
  assert (tmp_path / 'a.png').read_bytes().startswith(PNG)
  assert ElementTree.parse(tmp_path / 'a.svg').getroot().tag.endswith('svg')


@pytest.mark.parametrize('name', ['a.jpeg', 'a'])
def test_other_suffixes_are_refused(name, tmp_path):
  figure, _ = page.lay_out([page.Box(1, 1)], ['a'])
  with pytest.raises(ValueError, match='pictures are .png or .svg'):
    page.save(figure, tmp_path / name)
  assert not list(tmp_path.iterdir())


def test_colours_have_their_middle_at_the_center():
  norm = page.centered(np.array([0.0, 0.1, 1.0]), 0.1)
  assert norm(0.1) == pytest.approx(0.5)
  assert (norm(0.0), norm(1.0)) == pytest.approx((0, 1))
  assert page.centered(np.array([0.1, 0.1]), 0.1)(0.1) == pytest.approx(0.5)

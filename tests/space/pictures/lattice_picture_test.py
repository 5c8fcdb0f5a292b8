"""Paths end where they should; beta is coloured, and what is unseen dashed."""

import numpy as np
import pytest
from matplotlib import figure as figure_lib

from deeplab_nas.space import Genotype, Lattice, zoo
from deeplab_nas.space.pictures import lattice_picture

SKIPS = (('prev', 'skip_connect'), ('prev_prev', 'skip_connect'))


def axes_with(draw, *args):
  axes = figure_lib.Figure().subplots()
  draw(axes, *args)
  return axes


def even(lattice):
  """1 / exits, the betas at the start of a search."""
  exits = lattice.legal.sum(-1, keepdims=True)
  return lattice.legal / np.maximum(exits, 1)


def lines_of(axes):
  return [line for line in axes.lines if len(line.get_xdata()) == 2]


def test_the_path_ends_at_its_levels():
  path = zoo.load('auto_deeplab').path
  axes = axes_with(lattice_picture.draw_path, Lattice(), path)
  arrows = [tuple(a.xy) for a in axes.texts if not a.get_text()]
  assert arrows == list(enumerate(path, start=1))
  assert len(lines_of(axes)) == len(Lattice().edges)


def test_a_path_is_shown_in_the_usual_strides_or_in_more():
  usual = lattice_picture.lattice_of(Genotype((0, 1), (SKIPS,)))
  assert usual == Lattice(2)
  deep = Genotype((0, 1, 2, 3, 4), (SKIPS,))
  assert lattice_picture.lattice_of(deep) == Lattice(5, (4, 8, 16, 32, 64))


def test_a_box_grows_with_layers_and_strides():
  small = lattice_picture.box(Lattice(2, (4, 8)), 0.7, 0.5)
  large = lattice_picture.box(Lattice(4, (4, 8, 16)), 0.7, 0.5)
  assert large.width - small.width == pytest.approx(2 * 0.7)
  assert large.height - small.height == pytest.approx(0.5)


def test_edges_are_grey_at_the_start_and_red_where_they_have_more():
  lattice = Lattice(3)
  betas = even(lattice)
  axes = axes_with(lattice_picture.draw_beta, betas, lattice, (0, 0, 0))
  assert len({line.get_color()[:3] for line in lines_of(axes)}) == 1
  shown = [text.get_text() for text in axes.texts]
  assert sorted(shown) == sorted(
    f'{betas[edge.index]:.2f}' for edge in lattice.edges
  )
  (edge,) = [
    e for e in lattice.edges if e.source == (2, 1) and e.target == (3, 1)
  ]
  betas[edge.index] = 0.9
  axes = axes_with(lattice_picture.draw_beta, betas, lattice, (0, 0, 0))
  red, _, blue = lines_of(axes)[lattice.edges.index(edge)].get_color()[:3]
  assert red > blue + 0.3


def test_what_the_loss_cannot_see_is_dashed():
  lattice = Lattice(4)
  axes = axes_with(lattice_picture.draw_beta, even(lattice), lattice, (0,) * 4)
  dashed = {
    tuple(map(tuple, line.get_xydata().astype(int).tolist()))
    for line in axes.lines
    if line.get_linestyle() == '--'
  }
  assert dashed == {
    ((0, 0), (1, 0)),
    ((0, 0), (1, 1)),
    ((1, 1), (2, 2)),
    ((2, 2), (3, 3)),
  }
  assert 'the loss cannot see this weight' in axes.get_xlabel()

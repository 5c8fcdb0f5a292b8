"""Figures hold what they claim."""

import io
from xml.etree import ElementTree

import numpy as np
import pytest

from deeplab_nas.space import (
  CellSpace,
  Lattice,
  SearchSpace,
  arch_weights,
  draw,
  primitives,
  zoo,
)

PNG = b'\x89PNG\r\n'
SKIPS = (('prev', 'skip_connect'), ('prev_prev', 'skip_connect'))


def texts_of(figure):
  return [text.get_text() for axes in figure.axes for text in axes.texts]


@pytest.mark.parametrize('name', zoo.names())
def test_figure_names_every_block_and_operation(name):
  genotype = zoo.load(name)
  texts = texts_of(draw.figure(genotype))
  for block in range(genotype.num_blocks):
    assert texts.count(f'block_{block}') == 1
  operations = [text for text in texts if text in primitives.BY_NAME]
  assert sorted(operations) == sorted(name for _, name in genotype.edges())
  arrows = [text for text in texts if not text]  # annotations without text
  assert len(arrows) == len(genotype.path)


def path_drawn(figure):
  """Where the path's arrows end."""
  axes = figure.axes[0]
  return [tuple(a.xy) for a in axes.texts if not a.get_text()]


def test_figure_draws_the_path():
  genotype = zoo.load('auto_deeplab')
  ends = path_drawn(draw.figure(genotype))
  assert ends == list(enumerate(genotype.path, start=1))


@pytest.mark.parametrize('num_blocks, num_layers', [(1, 1), (10, 5), (5, 20)])
def test_pictures_of_all_sizes_can_be_saved(num_blocks, num_layers):
  space = SearchSpace(CellSpace(num_blocks), Lattice(num_layers))
  stream = io.BytesIO()
  draw.save_picture(space.random(np.random.default_rng(0)), stream)
  assert stream.getvalue().startswith(PNG)


def test_suffix_decides_the_format(tmp_path):
  genotype = zoo.load('auto_deeplab')
  draw.save_picture(genotype, tmp_path / 'a.png')
  draw.save_picture(genotype, str(tmp_path / 'a.svg'))
  assert (tmp_path / 'a.png').read_bytes().startswith(PNG)
  assert ElementTree.parse(tmp_path / 'a.svg').getroot().tag.endswith('svg')


@pytest.mark.parametrize('name', ['a.jpeg', 'a'])
def test_other_suffixes_are_refused(name, tmp_path):
  with pytest.raises(ValueError, match='pictures are .png or .svg'):
    draw.save_picture(zoo.load('auto_deeplab'), tmp_path / name)
  assert not list(tmp_path.iterdir())


def test_weights_figure_shows_alpha_and_beta():
  space = SearchSpace(CellSpace(2), Lattice(3))
  op = np.linspace(0, 0.4, 40).reshape(5, 8)
  edge = space.lattice.legal * 0.25
  figure = draw.weights_figure(arch_weights.ArchWeights(op, edge), space)
  beta, alpha = figure.axes[:2]
  np.testing.assert_array_equal(alpha.images[0].get_array(), op)
  assert [label.get_text() for label in alpha.get_yticklabels()] == [
    'prev -> block_0',
    'prev_prev -> block_0',
    'prev -> block_1',
    'prev_prev -> block_1',
    'block_0 -> block_1',
  ]
  assert [label.get_text() for label in alpha.get_xticklabels()] == [
    primitive.name for primitive in space.cell.primitives
  ]
  frames = sorted(
    (round(patch.get_y() + 0.45), round(patch.get_x() + 0.47))
    for patch in alpha.patches
  )
  # Weights grow, so the last edges and the last primitive win in each block.
  assert frames == [(0, 7), (1, 7), (3, 7), (4, 7)]
  lines = [line for line in beta.lines if len(line.get_xdata()) == 2]
  assert len(lines) == len(space.lattice.edges)


def test_weights_picture_can_be_saved(tmp_path):
  space = SearchSpace()
  weights = arch_weights.one_hot(zoo.load('auto_deeplab'), space)
  draw.save_weights_picture(weights, space, tmp_path / 'weights.png')
  assert (tmp_path / 'weights.png').read_bytes().startswith(PNG)

"""Figures hold what they claim."""

import io

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


@pytest.mark.parametrize('num_blocks, num_layers', [(1, 1), (10, 5), (5, 20)])
def test_pictures_of_all_sizes_can_be_saved(num_blocks, num_layers):
  space = SearchSpace(CellSpace(num_blocks), Lattice(num_layers))
  stream = io.BytesIO()
  draw.save_picture(space.random(np.random.default_rng(0)), stream)
  assert stream.getvalue().startswith(PNG)


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


def test_the_figure_says_which_architecture_and_what_is_added():
  genotype = zoo.load('auto_deeplab')
  figure = draw.figure(genotype, 'runs/a\n10 M parameters')
  lines = [text.get_text() for text in figure.texts]
  assert lines == [
    f'Architecture {genotype.digest}',
    'runs/a',
    '10 M parameters',
  ]


@pytest.mark.parametrize('num_layers', [1, 4, 12])
def test_the_lattice_leaves_no_part_of_its_picture_blank(num_layers):
  space = SearchSpace(CellSpace(2), Lattice(num_layers))
  genotype = space.random(np.random.default_rng(0))
  figure = draw.figure(genotype)
  width, _ = figure.get_size_inches()
  path, cell = figure.axes
  right = max(path.get_position().x1, cell.get_position().x1)
  assert right * width == pytest.approx(width - 0.15, abs=0.02)
  assert path.get_position().x1 == pytest.approx(right)
  assert path.get_xlim()[1] - num_layers < 1


def test_colours_are_centred_on_the_weights_of_the_start():
  space = SearchSpace(CellSpace(2), Lattice(3))
  op = np.full([5, 8], 1 / 8)
  op[0, 0], op[0, 1] = 0.2, 0.05
  exits = space.lattice.legal.sum(-1, keepdims=True)
  edge = space.lattice.legal / np.maximum(exits, 1)
  figure = draw.weights_figure(arch_weights.ArchWeights(op, edge), space)
  beta, alpha = figure.axes[:2]
  (image,) = alpha.images
  red, neutral, blue = (image.to_rgba(v) for v in (0.2, 1 / 8, 0.05))
  assert max(neutral[:3]) - min(neutral[:3]) < 0.03  # grey
  assert red[0] > red[2] + 0.3 and blue[2] > blue[0] + 0.3
  lines = [line for line in beta.lines if len(line.get_xdata()) == 2]
  assert {line.get_color()[:3] for line in lines} == {lines[0].get_color()[:3]}
  shown = [t.get_text() for t in beta.texts]
  assert sorted(shown) == sorted(
    f'{edge[e.index]:.2f}' for e in space.lattice.edges
  )


def test_weights_picture_can_be_saved(tmp_path):
  space = SearchSpace()
  weights = arch_weights.one_hot(zoo.load('auto_deeplab'), space)
  draw.save_weights_picture(weights, space, tmp_path / 'weights.png')
  assert (tmp_path / 'weights.png').read_bytes().startswith(PNG)

"""The named architectures, and that an installation has their files."""

import pathlib

import pytest

from deeplab_nas.space import (
  CellSpace,
  Genotype,
  SearchSpace,
  primitives,
  zoo,
)

PUBLISHED_CELL = (
  (('prev', 'sep_conv_3x3'), ('prev_prev', 'atrous_conv_5x5')),
  (('prev', 'atrous_conv_3x3'), ('prev_prev', 'sep_conv_3x3')),
  (('block_1', 'sep_conv_3x3'), ('prev_prev', 'sep_conv_3x3')),
  (('block_0', 'sep_conv_5x5'), ('block_2', 'sep_conv_5x5')),
  (('block_1', 'sep_conv_5x5'), ('block_3', 'atrous_conv_5x5')),
)
PNASNET_CELL = (
  (('prev', 'sep_conv_3x3'), ('prev', 'sep_conv_5x5')),
  (('prev', 'max_pool_3x3'), ('prev', 'sep_conv_7x7')),
  (('prev', 'skip_connect'), ('prev_prev', 'sep_conv_3x3')),
  (('prev_prev', 'max_pool_3x3'), ('prev_prev', 'sep_conv_5x5')),
  (('block_0', 'sep_conv_3x3'), ('prev', 'max_pool_3x3')),
)
PATHS = {
  'auto_deeplab': (0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1),
  'conv_deconv': (0, 1, 2, 3, 3, 3, 3, 3, 3, 2, 1, 0),
  'deeplabv3': (0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2),
  'pnasnet5': (1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2),
  'stacked_hourglass': (1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0),
}
# The released code's parallel lists: what an operation is, and which state it
# reads: 0 is H^{l-1}, 1 is H^{l-2}, then come the blocks.
RELEASED = {
  'auto_deeplab': (
    ['a5', 's3', 's3', 'a3', 's3', 's3', 's5', 's5', 's5', 'a5'],
    [1, 0, 1, 0, 3, 1, 4, 2, 3, 5],
  ),
  'pnasnet5': (
    ['s5', 'm3', 's7', 'm3', 's5', 's3', 's3', 'm3', 's3', 'none'],
    [1, 1, 0, 0, 0, 0, 4, 0, 1, 0],
  ),
}


def test_names_are_sorted_and_known():
  assert zoo.names() == tuple(PATHS)


@pytest.mark.parametrize('name', PATHS)
def test_architectures_are_a_published_cell_on_their_path(name):
  genotype = zoo.load(name)
  assert genotype.path == PATHS[name]
  is_pnasnet = name == 'pnasnet5'
  assert genotype.cell == (PNASNET_CELL if is_pnasnet else PUBLISHED_CELL)


@pytest.mark.parametrize('name', PATHS)
def test_files_are_in_canonical_form(name):
  file = pathlib.Path(zoo.__file__).with_suffix('') / f'{name}.json'
  assert file.read_text(encoding='utf-8') == zoo.load(name).to_json()


def primitive_of(operation):
  if operation == 'none':  # the released name of the identity
    return 'skip_connect'
  kind, size = operation
  kind = {'a': 'atrous_conv', 's': 'sep_conv', 'm': 'max_pool'}[kind]
  return f'{kind}_{size}x{size}'


@pytest.mark.parametrize('name', RELEASED)
def test_the_cell_as_the_released_code_lists_it(name):
  operations, states = RELEASED[name]
  sources = ('prev', 'prev_prev', 'block_0', 'block_1', 'block_2', 'block_3')
  assert len(CellSpace().sources(4)) == len(sources)
  terms = [
    (sources[state], primitive_of(operation))
    for operation, state in zip(operations, states)
  ]
  released = Genotype(PATHS[name], tuple(zip(terms[::2], terms[1::2])))
  assert released == zoo.load(name)


@pytest.mark.parametrize('name', zoo.names())
def test_architectures_are_in_a_space_that_a_search_may_have(name):
  genotype = zoo.load(name)
  preset = 'pnasnet' if name == 'pnasnet5' else 'auto_deeplab'
  for other, names in primitives.PRESETS.items():
    space = SearchSpace(CellSpace(5, names))
    assert (genotype in space) == (other == preset)


@pytest.mark.parametrize('name', ['nosuch', '', '../zoo/auto_deeplab'])
def test_unknown_names_list_the_known(name):
  with pytest.raises(ValueError, match='known are auto_deeplab, conv_deconv'):
    zoo.load(name)

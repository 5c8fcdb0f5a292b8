"""The named architectures, and that an installation has their files."""

import pathlib

import pytest

from deeplab_nas.space import CellSpace, Genotype, zoo

PUBLISHED_CELL = (
  (('prev', 'sep_conv_3x3'), ('prev_prev', 'atrous_conv_5x5')),
  (('prev', 'atrous_conv_3x3'), ('prev_prev', 'sep_conv_3x3')),
  (('block_1', 'sep_conv_3x3'), ('prev_prev', 'sep_conv_3x3')),
  (('block_0', 'sep_conv_5x5'), ('block_2', 'sep_conv_5x5')),
  (('block_1', 'sep_conv_5x5'), ('block_3', 'atrous_conv_5x5')),
)
PATHS = {
  'auto_deeplab': (0, 0, 0, 1, 2, 1, 2, 2, 3, 3, 2, 1),
  'conv_deconv': (0, 1, 2, 3, 3, 3, 3, 3, 3, 2, 1, 0),
  'deeplabv3': (0, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2),
  'stacked_hourglass': (1, 2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0),
}


def test_names_are_sorted_and_known():
  assert zoo.names() == tuple(PATHS)


@pytest.mark.parametrize('name', PATHS)
def test_architectures_are_the_published_cell_on_their_path(name):
  genotype = zoo.load(name)
  assert genotype.path == PATHS[name]
  assert genotype.cell == PUBLISHED_CELL


@pytest.mark.parametrize('name', PATHS)
def test_files_are_in_canonical_form(name):
  file = pathlib.Path(zoo.__file__).with_suffix('') / f'{name}.json'
  assert file.read_text(encoding='utf-8') == zoo.load(name).to_json()


def test_the_published_cell_as_the_released_code_lists_it():
  # Its parallel lists: state 0 is H^{l-1}, 1 is H^{l-2}, then the blocks.
  operations = ['a5', 's3', 's3', 'a3', 's3', 's3', 's5', 's5', 's5', 'a5']
  states = [1, 0, 1, 0, 3, 1, 4, 2, 3, 5]
  kinds = {'a': 'atrous_conv', 's': 'sep_conv'}
  sources = ('prev', 'prev_prev', 'block_0', 'block_1', 'block_2', 'block_3')
  terms = [
    (sources[state], '{0}_{1}x{1}'.format(kinds[name[0]], name[1]))
    for name, state in zip(operations, states)
  ]
  released = Genotype(
    PATHS['auto_deeplab'], tuple(zip(terms[::2], terms[1::2]))
  )
  assert released == zoo.load('auto_deeplab')
  assert len(CellSpace().sources(4)) == len(sources)


@pytest.mark.parametrize('name', ['nosuch', '', '../zoo/auto_deeplab'])
def test_unknown_names_list_the_known(name):
  with pytest.raises(ValueError, match='known are auto_deeplab, conv_deconv'):
    zoo.load(name)

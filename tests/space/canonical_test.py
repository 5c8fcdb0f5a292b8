"""One order for all equal cells: another order gives the same value."""

from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas.space import Genotype, canonical, primitives


@st.composite
def cells(draw, max_blocks=6):
  """Any cell, with equal blocks more likely than by chance."""
  names = draw(st.lists(st.sampled_from(list(primitives.BY_NAME)), min_size=1))
  sources = ['prev', 'prev_prev']
  cell = []
  for block in range(draw(st.integers(1, max_blocks))):
    connection = st.tuples(st.sampled_from(sources), st.sampled_from(names))
    cell.append((draw(connection), draw(connection)))
    sources = sources + [f'block_{block}']
  return tuple(cell)


def shuffled(cell, draw):
  """The same network: blocks in another legal order, terms exchanged."""
  order = []
  while len(order) < len(cell):
    ready = [
      block
      for block in range(len(cell))
      if block not in order
      and all(
        int(source.split('_')[1]) in order
        for source, _ in cell[block]
        if source.startswith('block')
      )
    ]
    order.append(draw(st.sampled_from(ready)))
  names = {f'block_{old}': f'block_{new}' for new, old in enumerate(order)}
  return tuple(
    tuple(
      (names.get(source, source), primitive)
      for source, primitive in draw(st.permutations(cell[old]))
    )
    for old in order
  )


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_order_of_blocks_and_terms_does_not_matter(data):
  cell = data.draw(cells())
  one = Genotype((0,), cell)
  other = Genotype((0,), shuffled(cell, data.draw))
  assert one == other
  assert hash(one) == hash(other)
  assert one.digest == other.digest
  assert one.to_json() == other.to_json()


def test_equal_blocks_that_others_tell_apart_have_one_order():
  twin = (('prev', 'skip_connect'), ('prev_prev', 'skip_connect'))
  reader = ('prev', 'sep_conv_5x5')
  first = (twin, twin, (('block_0', 'sep_conv_3x3'), reader))
  second = (twin, twin, (('block_1', 'sep_conv_3x3'), reader))
  assert Genotype((0,), first) == Genotype((0,), second)
  # Two readers of one twin are not one reader of each.
  reads = [
    (('block_0', 'sep_conv_3x3'), ('prev', f'sep_conv_{n}x{n}')) for n in (3, 5)
  ]
  apart = (('block_1', 'sep_conv_3x3'), ('prev', 'sep_conv_5x5'))
  assert Genotype((0,), (twin, twin, *reads)) != (
    Genotype((0,), (twin, twin, reads[0], apart))
  )


def test_the_largest_cells_of_twins_are_ordered_quickly():
  twin = (('prev', 'skip_connect'), ('prev_prev', 'skip_connect'))
  readers = [
    ((f'block_{i}', 'sep_conv_3x3'), (f'block_{j}', 'sep_conv_5x5'))
    for i, j in ((0, 1), (2, 3), (4, 5))
  ]
  cell = (twin,) * 6 + tuple(readers) + (twin,)
  assert Genotype((0,), cell).num_blocks == 10


@settings(max_examples=100, deadline=None)
@given(cells(max_blocks=10))
def test_an_ordered_cell_keeps_its_order(cell):
  ordered = canonical.cell_order(cell)
  assert canonical.cell_order(ordered) == ordered


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_order_of_blocks_says_where_each_came_from(data):
  cell = data.draw(cells())
  order = canonical.block_order(cell)
  assert sorted(order) == list(range(len(cell)))
  names = {f'block_{old}': f'block_{new}' for new, old in enumerate(order)}
  renamed = [
    sorted((names.get(source, source), primitive) for source, primitive in old)
    for old in (cell[block] for block in order)
  ]
  assert renamed == [sorted(block) for block in canonical.cell_order(cell)]

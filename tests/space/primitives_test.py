"""Primitives are records with unique names and sane windows."""

import pytest

from deeplab_nas.space import primitives


def test_the_papers_set_has_its_eight_names_in_order():
  assert [p.name for p in primitives.PRIMITIVES] == [
    'none',
    'max_pool_3x3',
    'avg_pool_3x3',
    'skip_connect',
    'sep_conv_3x3',
    'sep_conv_5x5',
    'atrous_conv_3x3',
    'atrous_conv_5x5',
  ]


def test_the_darts_set_replaces_only_the_atrous_convolutions():
  assert primitives.DARTS_PRIMITIVES[:6] == primitives.PRIMITIVES[:6]
  assert {p.kind for p in primitives.DARTS_PRIMITIVES[6:]} == {'dil_conv'}


def test_the_pnasnet_set_has_no_dilation_but_the_widest_window():
  assert primitives.PNASNET_PRIMITIVES[:6] == primitives.PRIMITIVES[:6]
  assert primitives.PNASNET_PRIMITIVES[6:] == (primitives.SEP_CONV_7X7,)
  assert primitives.SEP_CONV_7X7.kernel_size == 7
  assert {p.rate for p in primitives.PNASNET_PRIMITIVES} == {1}


@pytest.mark.parametrize('preset', primitives.PRESETS)
def test_every_set_has_unique_names_that_are_known(preset):
  names = [p.name for p in primitives.PRESETS[preset]]
  assert len(set(names)) == len(names)
  assert tuple(map(primitives.BY_NAME.get, names)) == primitives.PRESETS[preset]


def test_windows_of_no_two_primitives_are_the_same():
  records = primitives.BY_NAME.values()
  windows = {(p.kind, p.kernel_size, p.rate) for p in records}
  assert len(windows) == len(records)


@pytest.mark.parametrize('name', primitives.BY_NAME)
def test_records_agree_with_their_names(name):
  primitive = primitives.BY_NAME[name]
  assert primitive.name == name
  assert primitive.is_none == (name == 'none')
  size = primitive.kernel_size
  assert name.endswith(f'{size}x{size}') == (size > 1)
  assert primitive.rate == (2 if 'atrous' in name or 'dil' in name else 1)


@pytest.mark.parametrize('kernel_size', [0, -3, 2])
def test_even_or_empty_windows_are_refused(kernel_size):
  with pytest.raises(ValueError, match=f'kernel_size {kernel_size} is not'):
    primitives.Primitive('x', 'sep_conv', kernel_size)


def test_rate_below_one_is_refused():
  with pytest.raises(ValueError, match='rate 0 is below 1'):
    primitives.Primitive('x', 'sep_conv', 3, rate=0)

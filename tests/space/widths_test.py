"""What F, the stem's and the head's filters mean."""

import pytest

from deeplab_nas.space import widths


def test_defaults_are_the_papers_small_network():
  paper = widths.NetworkWidths()
  assert paper.filter_multiplier == 20
  assert paper.stem_filters == (64, 64, 128)
  assert (paper.head_filters, paper.low_level_filters) == (256, 48)


def test_a_fractional_multiplier_is_cut_at_every_level_by_itself():
  fraction = widths.NetworkWidths(2.875)
  assert [fraction.filters(level) for level in range(4)] == [2, 5, 11, 23]


@pytest.mark.parametrize(
  'head, low_level', [(1, 1), (2, 1), (8, 2), (32, 6), (64, 12), (512, 96)]
)
def test_the_head_scales_the_low_level_projection(head, low_level):
  assert widths.NetworkWidths(head_filters=head).low_level_filters == low_level


@pytest.mark.parametrize(
  'settings, message',
  [
    ({'filter_multiplier': 0.99}, 'filter_multiplier is 0.99'),
    ({'filter_multiplier': float('nan')}, 'filter_multiplier is nan'),
    ({'filter_multiplier': float('inf')}, 'filter_multiplier is inf'),
    ({'filter_multiplier': True}, 'filter_multiplier is True'),
    ({'filter_multiplier': '8'}, 'filter_multiplier is 8'),
    ({'stem_filters': (64, 64)}, r'stem_filters is \(64, 64\)'),
    ({'stem_filters': (64, 0, 64)}, r'stem_filters is \(64, 0, 64\)'),
    ({'stem_filters': (64, 64, 1.5)}, 'three whole numbers'),
    ({'stem_filters': 64}, 'stem_filters is 64, expected three'),
    ({'head_filters': 0}, 'head_filters is 0'),
    ({'head_filters': 1.5}, 'head_filters is 1.5'),
  ],
)
def test_what_makes_no_network_is_refused(settings, message):
  with pytest.raises(ValueError, match=message):
    widths.NetworkWidths(**settings)


def test_a_stem_from_a_file_is_a_tuple():
  assert widths.NetworkWidths(stem_filters=[16, 16, 32]).stem_filters == (
    16,
    16,
    32,
  )

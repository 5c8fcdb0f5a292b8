from __future__ import annotations

import pytest

from deeplab_nas import errors
from deeplab_nas.data import mask_rules

BLACK, WHITE, GREY = (0, 0, 0), (255, 255, 255), (128, 128, 128)
RED, BLUE = (255, 0, 0), (0, 0, 255)
COLOURED = {BLACK: 0, RED: 1, BLUE: 2}
# White is the background, black the object, and neither is index 255.
INVERTED = {WHITE: 0, BLACK: 1, GREY: 2}


def rules(colors=COLOURED, **options) -> mask_rules.MaskRules:
  return mask_rules.MaskRules(3, colors=colors, **options)


@pytest.mark.parametrize(
  ('used', 'expected'),
  [
    ({0: BLACK, 1: RED, 2: BLUE}, False),  # they agree
    ({0: BLACK, 2: BLUE, 255: (224, 224, 192)}, False),  # but for no class
    ({0: BLACK, 1: BLUE}, True),
    ({0: RED}, True),
    ({7: RED}, True),
    ({0: BLACK, 1: (9, 9, 9)}, False),  # black alone is no evidence
    ({0: BLACK, 1: BLACK, 2: BLACK}, False),  # a palette of nothing
    ({1: BLACK, 2: BLACK}, False),
    ({2: BLACK}, True),
    ({0: GREY, 1: WHITE}, False),
  ],
)
def test_palettes_count_where_they_contradict_the_index(used, expected):
  assert mask_rules.goes_by_color(used, rules()) == expected
  assert not mask_rules.goes_by_color(used, rules(mode='index'))
  assert mask_rules.goes_by_color(used, rules(mode='color'))
  assert not mask_rules.goes_by_color(used, rules(colors={}))


@pytest.mark.parametrize('values', [{1: 255}, {2: 0}])
def test_map_and_a_renumbered_palette_are_refused(values):
  with pytest.raises(errors.UserError, match='numbers of --map may mean'):
    mask_rules.goes_by_color({0: BLACK, 1: BLUE}, rules(values=values))
  # What it replaces is in neither.
  assert mask_rules.goes_by_color({1: BLUE}, rules(values={7: 0}))


@pytest.mark.parametrize(
  ('greys', 'expected'),
  [
    ((1, 0), True),
    ((0, 1, 255), True),
    ((2, 1, 0), True),
    ((0, 1, 2), False),  # the same in both ways
    ((0, 255), False),  # black and white: rather the colours of 0 and 1
    ((255, 0), False),
    ((0, 40, 80), False),
    ((0, 3), False),
  ],
)
def test_palettes_of_greys_may_hold_the_indices(greys, expected):
  used = {index: (grey,) * 3 for index, grey in enumerate(greys)}
  assert mask_rules.palette_holds_indices(used, rules({})) == expected
  index_only = rules({}, mode='index')
  assert not mask_rules.palette_holds_indices(used, index_only)


BY_COLOR, BY_INDEX = mask_rules.GREY_BY_COLOR, mask_rules.GREY_BY_INDEX


@pytest.mark.parametrize(
  ('greys', 'expected'),
  [
    ({0: 0, 255: 255}, (True, (BY_COLOR,))),
    ({0: 0, 1: 255}, (True, (BY_COLOR,))),  # 1 bit
    ({0: 0, 1: 85, 2: 170}, (False, (BY_INDEX,))),  # 2 bits
    ({0: 0, 1: 1, 2: 2}, (False, (BY_INDEX,))),
    ({0: 0, 128: 128}, (True, ())),  # 128 is no index
    ({0: 0, 128: 128, 7: 7}, (True, ())),  # 7 will be unknown
    ({7: 7}, (False, ())),
  ],
)
def test_grey_masks_go_by_colour_where_all_their_greys_have_one(
  greys, expected
):
  used = {value: (grey,) * 3 for value, grey in greys.items()}
  assert mask_rules.grey_goes_by_color(used, rules(INVERTED)) == expected
  index = rules(INVERTED, mode='index')
  assert mask_rules.grey_goes_by_color(used, index) == (False, ())
  color = rules(INVERTED, mode='color')
  assert mask_rules.grey_goes_by_color(used, color) == (True, ())
  mapped = rules(INVERTED, values=dict.fromkeys(used, 0))
  assert mask_rules.grey_goes_by_color(used, mapped) == (False, ())


def test_nothing_is_open_where_index_and_colour_agree():
  used = {0: BLACK, 1: WHITE}  # of 1 bit
  agreeing = rules({BLACK: 0, WHITE: 1})
  assert mask_rules.grey_goes_by_color(used, agreeing) == (False, ())
  assert mask_rules.grey_goes_by_color({0: BLACK}, rules()) == (False, ())


def test_grey_levels_are_those_of_bt_601():
  assert rules().grey_levels() == {0: 0, 76: 1, 29: 2}
  twins = {(10, 10, 10): 0, (11, 10, 9): 1, BLUE: 2}
  assert rules(twins).grey_levels() == {29: 2}


def test_targets_are_classes_and_the_ignore_label():
  found = rules(values={7: 1, 0: 255, 2: 9})
  assert [found.target(v) for v in (0, 1, 2, 3, 7, 255)] == [
    255,
    1,
    None,
    None,
    1,
    255,
  ]


def test_color_mode_needs_colours():
  with pytest.raises(errors.UserError, match='--mask_mode=color'):
    mask_rules.MaskRules(3, mode='color')


def test_unknown_mode_is_refused():
  with pytest.raises(errors.UserError, match='--mask_mode=rgb'):
    mask_rules.MaskRules(3, mode='rgb')

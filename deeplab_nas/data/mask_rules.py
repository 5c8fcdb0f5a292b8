"""What the values of a mask stand for: class indices, or colours of classes.

A palette image has both, and editors renumber palettes; a grey image can hold
indices, or the colours black and white. The two may contradict each other, and
then colours that the labels file names count for more. What stays open in one
file is noted as a mark, and judged over all files of a dataset.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from deeplab_nas import errors

Colour = tuple  # (red, green, blue), integers in 0..255

MODES = ('auto', 'index', 'color')
# Marks: a grey mask read by colour that could be read by index, with another
# result; and one that can only be read by index, beside colours of classes.
GREY_BY_COLOR, GREY_BY_INDEX = 'grey by colour', 'grey by index'
_BLACK = (0, 0, 0)


@dataclasses.dataclass(frozen=True)
class MaskRules:
  """How mask values become class indices.

  Attributes:
    num_classes: Classes are 0 .. num_classes - 1.
    ignore_label: The value that stands for no class.
    values: Replacement by mask value (the numbers of `--map`).
    colors: Class index by colour, or empty without a colour map.
    mode: 'index', 'color', or 'auto', which goes by colour where index and
      colour contradict each other and the colours are those of the map.
    is_ignore_named: Whether the format of the dataset, or its labels file, says
      that the ignore label is no class.
  """

  num_classes: int
  ignore_label: int = 255
  values: dict[int, int] = dataclasses.field(default_factory=dict)
  colors: dict[Colour, int] = dataclasses.field(default_factory=dict)
  mode: str = 'auto'
  is_ignore_named: bool = False

  def __post_init__(self):
    if self.mode not in MODES:
      raise errors.UserError(
        f'--mask_mode={self.mode} is none of {", ".join(MODES)}.'
      )
    if self.mode == 'color' and not self.colors:
      raise errors.UserError(
        '--mask_mode=color needs the colours of the classes in the labels file.'
      )

  def is_target(self, value: int) -> bool:
    """Whether a label may have this value."""
    return 0 <= value < self.num_classes or value == self.ignore_label

  def target(self, value: int) -> int | None:
    """The label of a mask value, after `--map`; None if it fits no class."""
    value = self.values.get(value, value)
    return value if self.is_target(value) else None

  def grey_levels(self) -> dict[int, int]:
    """Class index by the grey (ITU-R BT.601) of its colour, where unique."""
    levels, doubles = {}, set()
    for colour, index in self.colors.items():
      level = round(0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2])
      if level in levels:
        doubles.add(level)
      levels[level] = index
    return {x: index for x, index in levels.items() if x not in doubles}


def goes_by_color(used: Mapping[int, Colour], rules: MaskRules) -> bool:
  """Whether a palette mask is to be read by the colours of its palette.

  Args:
    used: Colour by index, of the indices that occur.
    rules: What values and colours mean.

  Raises:
    UserError: If colours contradict indices that `--map` replaces; without the
      name of the file in front.
  """
  if not rules.colors or rules.mode == 'index':
    return False
  if rules.mode == 'color':
    return True
  meant = {index: rules.colors.get(colour) for index, colour in used.items()}
  if all(
    meant[index] == index
    or (meant[index] is None and index == rules.ignore_label)
    for index in used
  ):
    return False
  is_black = [*used.values()] == [_BLACK] and _BLACK in rules.colors
  is_named = any(
    colour != _BLACK and colour in rules.colors for colour in used.values()
  )
  if not is_named and not is_black:
    return False
  if rules.values.keys() & {*used, *meant.values()}:
    raise errors.UserError(
      'has a palette whose colours stand at other indices than the classes of'
      ' these colours, so the numbers of --map may mean either: save it with'
      ' the palette of the others, or choose with --mask_mode=index or color.'
    )
  return True


def palette_holds_indices(used: Mapping[int, Colour], rules: MaskRules) -> bool:
  """Whether the palette of a mask lists greys that are the true indices.

  An optimizer that packs a grey mask with few values makes such a palette.
  """
  if rules.mode != 'auto':
    return False
  if any(len(set(colour)) > 1 for colour in used.values()):
    return False
  greys = {index: colour[0] for index, colour in used.items()}
  return (
    any(grey != index for index, grey in greys.items())
    and all(rules.target(grey) is not None for grey in greys.values())
    and any(0 < grey < rules.num_classes for grey in greys.values())
  )


def grey_goes_by_color(
  used: Mapping[int, Colour], rules: MaskRules
) -> tuple[bool, tuple[str, ...]]:
  """Whether a one-channel mask is to be read by colour, and marks.

  Args:
    used: The grey colour that is seen, by mask value.
    rules: What values and colours mean.
  """
  if not rules.colors or rules.mode == 'index':
    return False, ()
  if rules.mode == 'color':
    return True, ()
  if any(value in rules.values for value in used):
    return False, ()
  meant = {value: rules.colors.get(colour) for value, colour in used.items()}
  if all(meant[value] == value for value in used):
    return False, ()
  are_indices = all(rules.is_target(value) for value in used)
  if None not in meant.values():
    return True, (GREY_BY_COLOR,) if are_indices else ()
  if are_indices:
    return False, (GREY_BY_INDEX,)
  is_named = any(
    colour != _BLACK and colour in rules.colors for colour in used.values()
  )
  return is_named, ()

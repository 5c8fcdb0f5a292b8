"""What the masks of a dataset say together, where each alone is in order.

Each mask leaves marks: the first file of each kind is kept. In the end, kinds
that contradict each other are refused with one file of each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from deeplab_nas.data import findings, mask_rules, masks

# A mask of class 0 and the ignore label; of other classes without it; of both.
VOID, OBJECT, BOTH = 'ignored', 'object', 'object and ignored'
_PALETTE = re.compile(r'(\d+) (#\w{6})')
_BLACK = '#000000'


def marks(mask: masks.MaskFile, path: str, ignore_label: int) -> dict[str, str]:
  """The path by each mark that a mask leaves."""
  found = list(mask.marks)
  found += [f'{index} {colour}' for index, colour in mask.palette.items()]
  present = {int(index) for index in mask.histogram.nonzero()[0]}
  objects = present - {0, ignore_label}
  if ignore_label not in present:
    found += [OBJECT] if objects else []
  elif ignore_label in mask.values:
    found += [BOTH] if objects else [VOID] if 0 in present else []
  return dict.fromkeys(found, path)


def check(
  total: findings.Counts,
  num_classes: int,
  rules: mask_rules.MaskRules,
  problems: findings.Problems,
) -> None:
  """Adds a sentence for each contradiction between masks.

  Args:
    total: Of all splits.
    num_classes: Of the dataset.
    rules: How the masks were read.
    problems: Is added to.
  """
  _check_palettes(total.marks, problems)
  _check_greys(total.marks, problems)
  _check_first_class(total, num_classes, rules, problems)
  is_confirmed = rules.ignore_label in rules.values or rules.is_ignore_named
  if is_confirmed or rules.ignore_label < num_classes:
    return
  void, other = total.marks.get(VOID), total.marks.get(OBJECT)
  if not void or not other or BOTH in total.marks:
    return
  ignore = rules.ignore_label
  # Three classes are judged as two are: what was meant as a class would be
  # ignored without a trace, and who meant it so confirms it once.
  which = 'class 1' if num_classes == 2 else 'a class, such as 1,'
  problems.add(
    f'{void} holds only 0 and {ignore}, the ignore label, {other} holds other'
    f' classes, and no mask holds both other classes and {ignore}: if {ignore}'
    f' is {which} in some masks, use --map={ignore}:1, and if it is no class,'
    f' confirm with --map={ignore}:ignore.'
  )


def _check_palettes(found: Mapping[str, str], problems) -> None:
  """Refuses palette masks that give an index two colours, or the reverse."""
  by_index, by_colour = {}, {}
  for mark, path in found.items():
    match = _PALETTE.fullmatch(mark)
    if not match:
      continue
    index, colour = match.groups()
    known = by_index.setdefault(index, (mark, path))
    if colour != _BLACK and known[0] == mark:
      known = by_colour.setdefault(colour, (mark, path))
    if known[0] != mark:
      problems.add(
        f'{known[1]} and {path} have palettes that contradict each other'
        f' (index and colour are {known[0]} and {mark}): give the classes their'
        ' colours in the labels file, and masks are read by colour; or, if the'
        ' colours mean nothing, pass --mask_mode=index.'
      )
      return


def _check_greys(found: Mapping[str, str], problems) -> None:
  if not {mask_rules.GREY_BY_COLOR, mask_rules.GREY_BY_INDEX} <= found.keys():
    return
  problems.add(
    f'{found[mask_rules.GREY_BY_COLOR]} holds greys that are colours of the'
    f' labels file, and {found[mask_rules.GREY_BY_INDEX]} holds class indices:'
    ' save all masks in one way, or choose with --mask_mode=index or color.'
  )


def _check_first_class(total, num_classes: int, rules, problems) -> None:
  """Warns of masks that hold all classes but the first: an offset by one?"""
  pixels = total.labelled(num_classes, rules.ignore_label)
  if not rules.values and not pixels[0] and sum(map(bool, pixels)) > 0:
    shift = ','.join(f'{index}:{index - 1}' for index in range(1, num_classes))
    problems.warn(
      'No mask holds class 0: if the masks count from 1, convert with'
      f' --map={shift}'
    )

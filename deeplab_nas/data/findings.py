"""What a scan of a dataset found: counts, refusals, warnings, in sentences."""

from __future__ import annotations

import collections
import dataclasses
import math
from collections.abc import Iterable, Sequence

from absl import logging

from deeplab_nas import errors, wording
from deeplab_nas.data import dataset_info, mask_advice

MAX_REPORTED = 10
_MAX_NAMED = 3  # masks named in the sentence on unknown values
_NUM_VALUES = 256
_MAX_MARKS = 2000  # palettes without a system would make ever more
_MANY_VALUES = 12  # more unknown values than this are no forgotten classes


@dataclasses.dataclass
class Counts:
  """Sums over examples; `+=` joins them. JSON-friendly.

  `marks` has the first mask of each kind that `evidence` judges.
  """

  num_examples: int = 0
  pixels: int = 0
  channel_sums: tuple[float, ...] = (0.0, 0.0, 0.0)
  max_size: tuple[int, ...] = (0, 0)
  min_size: tuple[int, ...] = (1 << 31, 1 << 31)
  largest_image: tuple[int, ...] = (0, 0)
  histogram: tuple[int, ...] = (0,) * _NUM_VALUES
  num_masks: int = 0
  num_blank: int = 0
  marks: dict[str, str] = dataclasses.field(default_factory=dict)

  def __iadd__(self, other: Counts) -> Counts:
    self.num_examples += other.num_examples
    self.pixels += other.pixels
    self.channel_sums = _added(self.channel_sums, other.channel_sums)
    self.histogram = _added(self.histogram, other.histogram)
    self.max_size = tuple(map(max, self.max_size, other.max_size))
    self.min_size = tuple(map(min, self.min_size, other.min_size))
    self.largest_image = max(
      tuple(self.largest_image), tuple(other.largest_image), key=_area
    )
    self.num_masks += other.num_masks
    self.num_blank += other.num_blank
    for mark, path in other.marks.items():
      if len(self.marks) < _MAX_MARKS:
        self.marks.setdefault(mark, path)
    return self

  def mean_pixel(self) -> tuple[float, ...]:
    return tuple(
      round(total / max(self.pixels, 1), 4) for total in self.channel_sums
    )

  def labelled(self, num_classes: int, ignore_label: int) -> tuple[int, ...]:
    """Pixels by class index, none for an ignored class."""
    return tuple(
      0 if index == ignore_label else self.histogram[index]
      for index in range(num_classes)
    )

  def split_info(
    self, num_shards: int, num_classes: int, ignore_label: int
  ) -> dataset_info.SplitInfo:
    return dataset_info.SplitInfo(
      num_examples=self.num_examples,
      num_shards=num_shards,
      max_size=tuple(self.max_size),
      min_size=tuple(self.min_size),
      class_pixels=self.labelled(num_classes, ignore_label),
      ignored_pixels=self.histogram[ignore_label],
      largest_image=tuple(self.largest_image),
    )


class Problems:
  """Collects refusals, so that one run tells all of them."""

  def __init__(self):
    self._sentences = []
    self._unknown = collections.Counter()  # pixels by value
    self._known = set()  # values of masks that fit a class
    self._likely = {}  # class by value
    self._masks = []  # that hold unknown values
    self._noted = {}  # files by note

  def __bool__(self) -> bool:
    return bool(self._sentences or self._masks)

  def add(self, sentence: str) -> None:
    self._sentences.append(sentence)

  def add_unknown(
    self,
    path: str,
    pixels_by_value: dict[str, int],
    likely: dict[str, int] | None = None,
  ) -> None:
    """Adds a mask with values of no class, and what they probably are."""
    self._masks.append(path)
    self._unknown.update(pixels_by_value)
    self._likely.update(likely or {})

  def add_known(self, values: Iterable[int]) -> None:
    """Adds mask values that fit a class: they tell what others may mean."""
    self._known.update(values)

  def warn(self, sentence: str) -> None:
    """Logs what does not stop the run."""
    logging.warning('%s.', sentence)

  def add_note(self, path: str, note: str) -> None:
    """Notes a change to a file that is worth a warning, not a refusal."""
    self._noted.setdefault(note, []).append(path)

  def log_notes(self) -> None:
    for note, paths in self._noted.items():
      logging.warning('%d files: %s, first %s.', len(paths), note, paths[0])

  def raise_if_any(self, num_classes: int = 0) -> None:
    """Raises a `UserError` with one sentence per problem, at most ten."""
    sentences = list(self._sentences)
    if self._masks:
      sentences.insert(0, self._unknown_sentence(num_classes))
    if not sentences:
      return
    hidden = len(sentences) - MAX_REPORTED
    if hidden > 0:
      sentences = sentences[:MAX_REPORTED]
      sentences.append(
        f'There are {hidden} more problems.'
        if hidden > 1
        else 'There is 1 more problem.'
      )
    raise errors.UserError('\n'.join(sentences))

  def _unknown_sentence(self, num_classes: int) -> str:
    masks = sorted(self._masks)
    where = ', '.join(masks[:_MAX_NAMED])
    if len(masks) > _MAX_NAMED:
      where += f' and {len(masks) - _MAX_NAMED} more masks'
    verb = 'hold' if len(masks) > 1 else 'holds'
    values = sorted(self._unknown, key=lambda value: (len(value), value))
    listed = ', '.join(
      f'{value} ({wording.counted(self._unknown[value], "pixel")})'
      for value in values[:_MANY_VALUES]
    )
    if len(values) > _MANY_VALUES:
      return (
        f'{where} {verb} {len(values)} values that are none of the'
        f' {num_classes} classes: {listed}, ...; this looks like a photo or a'
        ' blurred or resized mask, so export the masks again without'
        ' smoothing.'
      )
    advice = mask_advice.advice(
      self._unknown, self._known, self._likely, num_classes
    )
    return (
      f'{where} {verb} values that are none of the {num_classes} classes:'
      f' {listed}; {advice}.'
    )


def check_split(
  split: str,
  counts: Counts,
  info: dataset_info.DatasetInfo,
  problems: Problems,
) -> None:
  """Judges a whole split: nothing labelled is refused, gaps are warned of."""
  if not counts.num_masks:
    return  # a test split
  labelled = counts.labelled(info.num_classes, info.ignore_label)
  if not sum(labelled):
    problems.add(
      f'Split {split} has no labelled pixel: its masks,'
      f' {counts.num_masks} in all, hold only the ignore label'
      f' {info.ignore_label}.'
    )
    return
  if split.startswith('train') and sum(map(bool, labelled)) == 1:
    index = labelled.index(sum(labelled))
    problems.add(
      f'All labelled pixels of split {split} are {info.class_names[index]}'
      f' ({index}), so nothing can be learnt: look at the values of the masks,'
      ' and convert with --map if they are not 0, 1, 2, ...'
    )
  if counts.num_blank:
    logging.warning(
      'Split %s: %d of %d masks hold only the ignore label %d.',
      split,
      counts.num_blank,
      counts.num_masks,
      info.ignore_label,
    )
  absent = [
    f'{name} ({index})'
    for index, (name, pixels) in enumerate(zip(info.class_names, labelled))
    if not pixels and index != info.ignore_label
  ]
  if absent:
    logging.warning(
      'Split %s: %s.', split, describe_absent(absent, info.num_classes)
    )


def describe_absent(absent: Sequence[str], num_classes: int) -> str:
  """'2 of 19 classes never occur: bus, train'."""
  verb = 'occurs' if len(absent) == 1 else 'occur'
  return (
    f'{len(absent)} of {num_classes} classes never {verb}: {", ".join(absent)}'
  )


def absent_classes(info: dataset_info.DatasetInfo) -> list[str]:
  """Names of the classes of which no split has a pixel."""
  present = [
    any(split.class_pixels[index] for split in info.splits.values())
    for index in range(info.num_classes)
  ]
  return [
    name
    for index, name in enumerate(info.class_names)
    if not present[index] and index != info.ignore_label
  ]


def check_classes(info: dataset_info.DatasetInfo, problems: Problems) -> None:
  """Refuses a dataset of one class: any answer is right for every pixel."""
  counted = [
    name
    for index, name in enumerate(info.class_names)
    if index != info.ignore_label
  ]
  if len(counted) > 1:
    return
  if len(info.class_names) > 1:
    ignored = info.class_names[info.ignore_label]
    remedy = (
      f'{ignored} ({info.ignore_label}) is the ignore label: choose another'
      ' --ignore_label'
    )
  else:
    remedy = (
      'name what the other pixels are as well, in the order of the mask values,'
      f' such as background and then {counted[0] if counted else "object"}, and'
      ' use --map=255:1 if the masks hold 0 and 255'
    )
  problems.add(
    f'Dataset {info.name} has only one class that counts'
    f' ({", ".join(counted)}), so nothing can be learnt: {remedy}.'
  )


def check_binary(
  total: Counts, ignore_label: int, mapped_values, problems: Problems
) -> None:
  """Refuses masks of 0 and 255 whose foreground would be ignored."""
  present = {value for value, count in enumerate(total.histogram) if count}
  if present == {0, 255} and ignore_label == 255 and 255 not in mapped_values:
    problems.add(
      f'The masks, {total.num_masks} in all, hold only 0 and 255, and 255 is'
      ' the ignore label, so only class 0 is left and nothing can be learnt:'
      ' use --map=255:1 if 255 is class 1.'
    )


def _area(size: Sequence[int]) -> tuple[int, ...]:
  """By which sizes are ordered: those of equal area too, by their height."""
  return math.prod(size), *size


def _added(left, right) -> tuple:
  return tuple(a + b for a, b in zip(left, right))

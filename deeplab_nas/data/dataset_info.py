"""`DatasetInfo`: what later commands must know about a converted dataset.

The converters write it as `dataset.json` beside the TFRecord shards. Shards of
the official DeepLab code have no such file; for these, `DatasetInfo.known`
gives the classes by name.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import os
import pathlib
import reprlib
from typing import Any

from deeplab_nas import commands, errors, files, safe_json
from deeplab_nas.data import palettes

FILE_NAME = 'dataset.json'
VERSION = 1
# 8-bit masks, one value of which must stay free for the ignore label.
MAX_CLASSES = 255
MIDDLE_GREY = (127.5, 127.5, 127.5)  # DeepLab's padding where no mean is known


@dataclasses.dataclass(frozen=True)
class SplitInfo:
  """Counts of one split; sizes are (height, width), counts are pixels.

  `max_size` joins the largest height and the largest width, which may belong
  to different images, as `min_size` joins the smallest; `largest_image` is the
  size of one, of the most pixels, and None where an earlier release did not
  note it. `class_pixels` is in class order.
  """

  num_examples: int
  num_shards: int
  max_size: tuple[int, int]
  min_size: tuple[int, int]
  class_pixels: tuple[int, ...]
  ignored_pixels: int = 0
  largest_image: tuple[int, int] | None = None


@dataclasses.dataclass(frozen=True)
class DatasetInfo:
  """Classes, colours and counts of a dataset; checked on construction.

  Example:
    info = DatasetInfo.load('/data/camvid_tfrecord')
    info.num_classes, info.splits['train'].num_examples

  Attributes:
    name: Short name, used in messages.
    class_names: One name per class index.
    ignore_label: Mask value that neither trains nor counts. It may be a class
      index (ADE20K ignores 0); that class is then never evaluated.
    palette: One (red, green, blue) in 0..255 per class.
    splits: Counts by split name; empty for records of other programs.
    mean_pixel: Mean (red, green, blue) in 0..255 of the training images.
  """

  name: str
  class_names: tuple[str, ...]
  palette: tuple[tuple[int, int, int], ...]
  ignore_label: int = 255
  splits: dict[str, SplitInfo] = dataclasses.field(default_factory=dict)
  mean_pixel: tuple[float, float, float] = MIDDLE_GREY
  version: int = VERSION

  def __post_init__(self):
    _check_classes(self.class_names)
    if len(self.palette) != len(self.class_names):
      raise errors.UserError(
        f'The palette has {len(self.palette)} colours for'
        f' {len(self.class_names)} classes: give one colour per class.'
      )
    for name, colour in zip(self.class_names, self.palette):
      if len(colour) != 3 or any(not 0 <= part <= 255 for part in colour):
        raise errors.UserError(
          f'The colour {list(colour)} of class {name!r} is not three'
          ' integers in 0..255.'
        )
    if not 0 <= self.ignore_label <= 255:
      raise errors.UserError(
        f'The ignore label {self.ignore_label} does not fit an 8-bit mask:'
        ' choose one in 0..255.'
      )
    if len(self.mean_pixel) != 3:
      raise errors.UserError(
        f'mean_pixel has {len(self.mean_pixel)} values, expected 3.'
      )
    for name, split in self.splits.items():
      if len(split.class_pixels) != len(self.class_names):
        raise errors.UserError(
          f'Split {name} has {len(split.class_pixels)} class_pixels for'
          f' {len(self.class_names)} classes.'
        )

  @property
  def num_classes(self) -> int:
    return len(self.class_names)

  def save(self, path: str | os.PathLike) -> None:
    """Writes `dataset.json` at `path` (a file or its directory), atomically."""
    text = json.dumps(dataclasses.asdict(self), indent=1, ensure_ascii=False)
    files.write(_json_path(path), text + '\n')

  @classmethod
  def load(
    cls, data_dir: str | os.PathLike, known: str | None = None
  ) -> DatasetInfo:
    """Reads the `dataset.json` of a directory of shards.

    Args:
      data_dir: The directory, or the file itself.
      known: Name of a known dataset to fall back on when there is no file.
    """
    path = _json_path(data_dir)
    if not path.exists():
      if known:
        return cls.known(known)
      raise errors.UserError(
        f'{path} does not exist: convert the data with'
        f' {commands.name("convert")},'
        ' or, for shards of the official DeepLab code, name the dataset'
        f' ({", ".join(sorted(_KNOWN))}).'
      )
    try:
      fields = safe_json.parse(files.read(path))
    except (OSError, ValueError) as error:
      reason = getattr(error, 'strerror', None) or error
      raise errors.UserError(
        f'{path} is not valid JSON ({reason}): run the converter again.'
      ) from error
    try:
      return _from_json(fields)
    except (
      AttributeError,
      KeyError,
      TypeError,
      ValueError,
      OverflowError,
    ) as error:
      raise errors.UserError(
        f'{path} is not a dataset description ({type(error).__name__}:'
        f' {error}): run the converter again.'
      ) from error
    except errors.UserError as error:
      raise errors.UserError(f'{path}: {error}') from error

  @classmethod
  def known(cls, name: str) -> DatasetInfo:
    """The classes of a dataset known by name, without counts."""
    if name not in _KNOWN:
      raise errors.UserError(
        f'Unknown dataset {name!r}: known are {", ".join(sorted(_KNOWN))}.'
      )
    class_names, palette = _KNOWN[name]
    return cls(name, class_names, palette)

  @classmethod
  def cityscapes(cls) -> DatasetInfo:
    return cls.known('cityscapes')

  @classmethod
  def pascal_voc(cls) -> DatasetInfo:
    return cls.known('pascal_voc_seg')


_KNOWN = {
  'cityscapes': tuple(zip(*palettes.CITYSCAPES)),
  'pascal_voc_seg': (
    palettes.PASCAL_VOC_CLASSES,
    palettes.pascal_voc_palette(len(palettes.PASCAL_VOC_CLASSES)),
  ),
}


def _check_classes(names: tuple[str, ...]) -> None:
  if not names:
    raise errors.UserError('There are no classes: name at least one.')
  if len(names) > MAX_CLASSES:
    raise errors.UserError(
      f'There are {len(names)} classes, but 8-bit masks hold at most'
      f' {MAX_CLASSES} beside the ignore label: merge classes.'
    )
  for index, name in enumerate(names):
    if not isinstance(name, str) or not name.strip():
      raise errors.UserError(f'The name {name!r} of class {index} is no name.')
    if name in names[:index]:
      raise errors.UserError(
        f'The class name {name!r} occurs twice, as {names.index(name)} and'
        f' {index}: names must differ.'
      )


def _json_path(path: str | os.PathLike) -> pathlib.Path:
  path = pathlib.Path(path)
  return path if path.suffix == '.json' else path / FILE_NAME


def _from_json(fields: dict) -> DatasetInfo:
  """Builds the dataclass from the parsed file.

  Raises:
    UserError, KeyError, TypeError, ValueError and the like: If it does not fit.
  """
  if fields['version'] != VERSION:
    raise errors.UserError(
      f'version {fields["version"]} is not {VERSION}, which this program'
      ' reads: run the converter again.'
    )
  splits = {}
  for name, split in fields['splits'].items():
    splits[name] = SplitInfo(
      num_examples=_count(split['num_examples']),
      num_shards=_count(split['num_shards']),
      max_size=_counts(split['max_size'], 2),
      min_size=_counts(split['min_size'], 2),
      class_pixels=_counts(split['class_pixels']),
      ignored_pixels=_count(split['ignored_pixels']),
      largest_image=(
        _counts(split['largest_image'], 2)
        if split.get('largest_image') is not None
        else None
      ),
    )
  return DatasetInfo(
    name=str(fields['name']),
    class_names=tuple(_list(fields['class_names'])),
    palette=tuple(_counts(colour, 3) for colour in _list(fields['palette'])),
    ignore_label=_count(fields['ignore_label']),
    splits=splits,
    mean_pixel=tuple(map(_finite, _list(fields['mean_pixel']))),
  )


def digest(data_dir: str | os.PathLike) -> str:
  """Of `dataset.json`, 12 hex digits: other counts or classes give others.

  '' where there is no such file.
  """
  path = _json_path(data_dir)
  if not path.is_file():
    return ''
  return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _list(value: Any) -> list[Any]:
  if not isinstance(value, list):
    raise TypeError(f'{reprlib.repr(value)} is no list')
  return value


def _count(value: Any) -> int:
  if type(value) is not int or value < 0:
    raise ValueError(f'{reprlib.repr(value)} is no count')
  return value


def _counts(values: Any, length: int | None = None) -> tuple[int, ...]:
  if length not in (None, len(_list(values))):
    raise ValueError(f'{reprlib.repr(values)} are not {length} counts')
  return tuple(map(_count, _list(values)))


def _finite(value: Any) -> float:
  if not math.isfinite(float(value)):
    raise ValueError(f'{value} is no brightness')
  return float(value)

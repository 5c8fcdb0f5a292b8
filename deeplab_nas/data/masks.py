"""Mask files -> arrays of class indices, with a count of what fits no class.

A mask is an 8- or 16-bit index image, a palette image, or a colour image with
a colour map. TensorFlow-free: worker processes import this module.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import image_files, label_map

MODES = ('auto', 'index', 'color')
_LOSSY = ('JPEG', 'MPO', 'JPEG2000')
_BLACK = (0, 0, 0)


@dataclasses.dataclass(frozen=True)
class MaskRules:
  """How mask values become class indices.

  Attributes:
    num_classes: Classes are 0 .. num_classes - 1.
    ignore_label: The value that stands for no class.
    values: Replacement by mask value (the numbers of `--map`).
    colors: Class index by colour, or empty without a colour map.
    mode: How palette masks are read: 'index', 'color', or 'auto', which goes
      by colour where the colours of the palette are those of the colour map.
  """

  num_classes: int
  ignore_label: int = 255
  values: dict[int, int] = dataclasses.field(default_factory=dict)
  colors: dict[tuple[int, int, int], int] = dataclasses.field(
    default_factory=dict
  )
  mode: str = 'auto'

  def __post_init__(self):
    if self.mode not in MODES:
      raise errors.UserError(
        f'--mask_mode={self.mode} is none of {", ".join(MODES)}.'
      )
    if self.mode == 'color' and not self.colors:
      raise errors.UserError(
        '--mask_mode=color needs the colours of the classes in the labels file.'
      )


@dataclasses.dataclass(frozen=True)
class MaskFile:
  """A decoded mask.

  Attributes:
    indices: uint8 [H, W]. Class indices and the ignore label.
    unknown: Number of pixels by value ('7' or '#ff00aa') that fit no class.
    histogram: int64 [256]. Pixels by index; of use if nothing is unknown.
    contents: The file as it was found, if it is an 8-bit grey PNG of `indices`;
      else None.
  """

  indices: np.ndarray
  unknown: dict[str, int]
  histogram: np.ndarray
  contents: bytes | None = None


def read(
  path: str, rules: MaskRules, max_pixels: int = image_files.MAX_PIXELS
) -> MaskFile:
  """Reads a mask; unknown values are counted, unusable files refused."""
  image, contents = image_files.load(path, max_pixels)
  if image.format in _LOSSY or _is_lossy_webp(image, contents):
    raise errors.UserError(
      f'{path} is a {image.format} image, whose compression changes labels:'
      ' save masks as PNG.'
    )
  if image.mode[0] not in 'IF' and image_files.is_deep(image, contents):
    raise errors.UserError(
      f'{path} is a mask with several channels of 16 bits: save it as an 8-bit'
      ' index PNG.'
    )
  is_plain = image.mode == 'L' and image_files.is_plain_png(image, contents)
  image = _without_alpha(path, image)
  if image.mode == 'P':
    return _read_palette(image, rules)
  if image.mode in ('1', 'L') or image.mode.startswith('I'):
    values = np.asarray(image)
    counts = np.array(image.histogram()) if image.mode == 'L' else None
    mask = _from_values(values, rules, counts)
    # The same array: no value was replaced.
    is_kept = is_plain and mask.indices is values
    return dataclasses.replace(mask, contents=contents if is_kept else None)
  if image.mode == 'RGB':
    return _read_rgb(path, np.asarray(image), rules)
  raise errors.UserError(
    f'{path} is a mask of mode {image.mode}: save it as an 8-bit index PNG.'
  )


def encode(indices: np.ndarray) -> bytes:
  """Writes uint8 [H, W] as the contents of an 8-bit grey PNG."""
  return image_files.encode_png(Image.fromarray(indices, 'L'))


def _is_lossy_webp(image: Image.Image, contents: bytes) -> bool:
  return image.format == 'WEBP' and b'VP8L' not in contents[:64]


def _without_alpha(path: str, image: Image.Image) -> Image.Image:
  """Drops an opaque alpha channel and refuses any other."""
  if image.mode not in ('LA', 'PA', 'RGBA'):
    return image
  if np.asarray(image.getchannel('A')).min() < 255:
    raise errors.UserError(
      f'{path} is a mask with transparent pixels, which have no label: save'
      ' it without alpha, and with the ignore label where there is no class.'
    )
  if image.mode == 'PA':
    return image.convert('RGB')
  return image.convert({'LA': 'L', 'RGBA': 'RGB'}[image.mode])


def _read_palette(image: Image.Image, rules: MaskRules) -> MaskFile:
  indices = np.asarray(image)  # [H, W]
  palette = np.zeros([256, 3], np.uint8)
  colours = np.array(image.getpalette('RGB') or [], np.uint8).reshape(-1, 3)
  palette[: len(colours)] = colours
  used = {
    int(index): tuple(palette[index].tolist()) for index in np.unique(indices)
  }
  if _goes_by_color(used, rules):
    return _from_colors(palette[indices], rules)
  return _from_values(indices, rules)


def _read_rgb(path: str, pixels: np.ndarray, rules: MaskRules) -> MaskFile:
  """Reads uint8 [H, W, 3]: colours, or a grey index image in three copies."""
  is_grey = (pixels == pixels[..., :1]).all()
  if is_grey:
    used = {int(v): (int(v),) * 3 for v in np.unique(pixels[..., 0])}
    if not _goes_by_color(used, rules):
      return _from_values(pixels[..., 0], rules)
  if not rules.colors:
    raise errors.UserError(
      f'{path} is a colour mask, but there is no colour map: give each class'
      ' a colour in the labels file (name: [r, g, b]) or save index masks.'
    )
  return _from_colors(pixels, rules)


def _goes_by_color(
  used: dict[int, tuple[int, int, int]], rules: MaskRules
) -> bool:
  """Whether indices that have colours are to be read by colour.

  Index and colour may contradict each other, for example after an editor has
  renumbered a palette; then the colours count if they are those of the map.
  """
  if not rules.colors or rules.mode == 'index':
    return False
  if rules.mode == 'color':
    return True
  if all(rules.colors.get(colour) == index for index, colour in used.items()):
    return False
  return (
    any(colour in rules.colors for colour in used.values() if colour != _BLACK)
    or set(used.values()) == {_BLACK}
    and _BLACK in rules.colors
  )


def _from_values(
  values: np.ndarray, rules: MaskRules, counts: np.ndarray | None = None
) -> MaskFile:
  """Maps integers or booleans [H, W]; gives back bytes if none changes.

  Args:
    values: Of the pixels.
    rules: What they stand for.
    counts: Pixels by value, if known.
  """
  if values.dtype == np.bool_:
    values = values.astype(np.uint8)
  low, high = int(values.min()), int(values.max())
  if low < 0 or high > 65535:  # 32-bit masks with unusual values
    known, inverse, counts = np.unique(
      values, return_inverse=True, return_counts=True
    )
    inverse = inverse.reshape(values.shape)
  else:
    if counts is None:
      counts = np.bincount(values.ravel())
    known, inverse = np.arange(len(counts)), values
  targets = np.zeros(len(known), np.uint8)
  unknown = {}
  for position in np.flatnonzero(counts):
    value = int(known[position])
    target = rules.values.get(value, value)
    if 0 <= target < rules.num_classes or target == rules.ignore_label:
      targets[position] = target
    else:
      unknown[str(value)] = int(counts[position])
  histogram = np.zeros(256, np.int64)
  np.add.at(histogram, targets, counts)
  is_same = (targets == known)[counts > 0].all()
  if not is_same or values.dtype != np.uint8:
    values = targets[inverse]
  return MaskFile(values, unknown, histogram)


def _from_colors(pixels: np.ndarray, rules: MaskRules) -> MaskFile:
  """Maps uint8 [H, W, 3] of colours."""
  weights = np.array([1 << 16, 1 << 8, 1])
  codes = pixels.astype(np.int64) @ weights  # [H, W]
  table = sorted(
    (int(np.dot(colour, weights)), index)
    for colour, index in rules.colors.items()
  )
  known = np.array([code for code, _ in table])
  targets = np.array([index for _, index in table], np.uint8)
  places = np.minimum(np.searchsorted(known, codes), len(known) - 1)  # [H, W]
  is_known = known[places] == codes
  unknown = {}
  for code, count in zip(*np.unique(codes[~is_known], return_counts=True)):
    colour = (int(code) >> 16, int(code) >> 8 & 255, int(code) & 255)
    unknown[label_map.format_colour(colour)] = int(count)
  indices = targets[places]
  return MaskFile(indices, unknown, np.bincount(indices.ravel(), minlength=256))

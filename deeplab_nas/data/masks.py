"""Mask files -> arrays of class indices, with a count of what fits no class.

A mask is an 8- or 16-bit index image, a palette image, or a colour image with
a colour map. TensorFlow-free: worker processes import this module.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import image_files, label_map, mask_rules, orientation

_LOSSY = ('JPEG', 'MPO', 'JPEG2000')
_DEEP = 257  # a grey of 16 bits, divided by that of 8 bits


@dataclasses.dataclass(frozen=True)
class MaskFile:
  """A decoded mask.

  Attributes:
    indices: uint8 [H, W]. Class indices and the ignore label.
    unknown: Number of pixels by value ('7' or '#ff00aa') that fit no class.
    histogram: int64 [256]. Pixels by index; of use if nothing is unknown.
    contents: The file as it was found, if it is an 8-bit grey PNG of `indices`;
      else None.
    orientation: How the file says to turn `indices`, see `orientation.turned`.
    values: Mask values that fit a class or the ignore label, before `--map`;
      empty for a mask that was read by colour.
    likely: Class by unknown value, if all values are the greys of colours.
    marks: What stays open, see `mask_rules`.
    palette: '#rrggbb' by index, for a palette mask that was read by index.
  """

  indices: np.ndarray
  unknown: dict[str, int]
  histogram: np.ndarray
  contents: bytes | None = None
  orientation: int = orientation.UPRIGHT
  values: tuple[int, ...] = ()
  likely: dict[str, int] = dataclasses.field(default_factory=dict)
  marks: tuple[str, ...] = ()
  palette: dict[int, str] = dataclasses.field(default_factory=dict)

  def turned(self, how: int) -> MaskFile:
    """The mask with turned indices; the same object for 1."""
    if how == orientation.UPRIGHT:
      return self
    image = orientation.turned(Image.fromarray(self.indices), how)
    return dataclasses.replace(self, indices=np.asarray(image), contents=None)


def read(
  path: str,
  rules: mask_rules.MaskRules,
  max_pixels: int = image_files.MAX_PIXELS,
) -> MaskFile:
  """Reads a mask; unknown values are counted, unusable files refused."""
  decoded = image_files.load(path, max_pixels)
  image = decoded.image
  if decoded.image_format in _LOSSY or _is_lossy_webp(decoded):
    raise errors.UserError(
      f'{path} is a {decoded.image_format} image, whose compression changes'
      ' labels: save masks as PNG.'
    )
  if image.mode[0] not in 'IF' and decoded.is_deep:
    raise errors.UserError(
      f'{path} is a mask with several channels of 16 bits: save it as an 8-bit'
      ' index PNG.'
    )
  mask = _indices(path, _without_alpha(path, image), decoded, rules)
  is_kept = (
    decoded.is_whole
    and decoded.is_plain_png
    and image.mode == 'L'
    and not mask.unknown
    and _are_unchanged(mask.values, rules)
  )
  return dataclasses.replace(
    mask,
    contents=decoded.contents if is_kept else None,
    orientation=decoded.orientation,
  )


def encode(indices: np.ndarray) -> bytes:
  """Writes uint8 [H, W] as the contents of an 8-bit grey PNG."""
  return image_files.encode_png(Image.fromarray(indices, 'L'))


def _are_unchanged(
  values: tuple[int, ...], rules: mask_rules.MaskRules
) -> bool:
  """Whether a mask was read by index, and no index is replaced."""
  return bool(values) and all(rules.target(value) == value for value in values)


def _is_lossy_webp(decoded: image_files.Decoded) -> bool:
  is_webp = decoded.image_format == 'WEBP'
  return is_webp and b'VP8L' not in decoded.contents[:64]


def _indices(
  path: str,
  image: Image.Image,
  decoded: image_files.Decoded,
  rules: mask_rules.MaskRules,
) -> MaskFile:
  """Class indices of an image without alpha."""
  if image.mode == 'P':
    return _read_palette(path, image, rules)
  if image.mode == 'RGB':
    return _read_rgb(path, np.asarray(image), rules)
  if image.mode not in ('1', 'L') and not image.mode.startswith('I'):
    raise errors.UserError(
      f'{path} is a mask of mode {image.mode}: save it as an 8-bit index PNG.'
    )
  pixels = np.asarray(image)
  if image.mode == '1':
    return _read_grey(pixels.astype(np.uint8), rules, stretch=255)
  if image.mode == 'L' and decoded.max_value == 255:
    return _read_grey(pixels, rules, np.array(image.histogram()))
  if image.mode == 'L':
    # Pillow has stretched 2 or 4 bits to 8.
    stretch = 255 / decoded.max_value
    table = np.rint(np.arange(256) / stretch).astype(np.uint8)
    return _read_grey(table[pixels], rules, stretch=stretch)
  if decoded.image_format == 'PPM' and decoded.max_value < 65535:
    pixels = np.rint(pixels * (decoded.max_value / 65535)).astype(np.int32)
  if rules.mode != 'index' and _are_greys_of_classes(pixels, rules):
    shown = (pixels // _DEEP).astype(np.uint8)
    return _from_colors(np.repeat(shown[..., None], 3, -1), rules)
  return _from_values(pixels, rules)


def _are_greys_of_classes(values: np.ndarray, rules: mask_rules.MaskRules):
  """Whether integers [H, W] are 16-bit greys that are colours of classes.

  No index, nor what `--map` names, is taken for a grey.
  """
  used = np.unique(values).tolist()
  return not any(value in rules.values for value in used) and (
    used[-1] >= _DEEP
    and all(value % _DEEP == 0 for value in used)
    and all((value // _DEEP,) * 3 in rules.colors for value in used)
  )


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


def _read_palette(
  path: str, image: Image.Image, rules: mask_rules.MaskRules
) -> MaskFile:
  indices = np.asarray(image)  # [H, W]
  palette = np.zeros([256, 3], np.uint8)
  colours = np.array(image.getpalette('RGB') or [], np.uint8).reshape(-1, 3)
  palette[: len(colours)] = colours
  used = {
    int(index): tuple(palette[index].tolist()) for index in np.unique(indices)
  }
  try:
    is_colour = mask_rules.goes_by_color(used, rules)
  except errors.UserError as error:
    raise errors.UserError(f'{path} {error}') from error
  if is_colour:
    return _from_colors(palette[indices], rules)
  if mask_rules.palette_holds_indices(used, rules):
    return _from_values(palette[indices][..., 0], rules)
  mask = _from_values(indices, rules)
  # Equal colours tell nothing, nor do greys that repeat the index, nor does a
  # palette that is not to be looked at.
  if (
    rules.mode == 'index'
    or len(set(used.values())) < len(used)
    or all(colour == (index,) * 3 for index, colour in used.items())
  ):
    return mask
  return dataclasses.replace(
    mask, palette={i: label_map.format_colour(c) for i, c in used.items()}
  )


def _read_grey(
  values: np.ndarray,
  rules: mask_rules.MaskRules,
  counts: np.ndarray | None = None,
  stretch: float = 1,
) -> MaskFile:
  """Reads a one-channel mask.

  Args:
    values: uint8 [H, W], as they are stored.
    rules: What they stand for.
    counts: Pixels by value, if known.
    stretch: The grey of 8 bits that is seen, divided by the value.
  """
  if counts is None:
    counts = np.bincount(values.ravel(), minlength=256)
  greys = np.rint(np.minimum(np.arange(256) * stretch, 255)).astype(int)
  used = {int(v): (int(greys[v]),) * 3 for v in np.flatnonzero(counts)}
  is_colour, marks = mask_rules.grey_goes_by_color(used, rules)
  if is_colour:
    shown = greys.astype(np.uint8)[values]
    mask = _from_colors(np.repeat(shown[..., None], 3, -1), rules)
  else:
    mask = _from_values(values, rules, counts)
  return dataclasses.replace(mask, marks=marks)


def _read_rgb(
  path: str, pixels: np.ndarray, rules: mask_rules.MaskRules
) -> MaskFile:
  """Reads uint8 [H, W, 3]: colours, or a grey image in three copies."""
  if (pixels == pixels[..., :1]).all():
    return _read_grey(pixels[..., 0], rules)
  if not rules.colors:
    raise errors.UserError(
      f'{path} is a colour mask, but there is no colour map: give each class'
      ' a colour in the labels file (name: [r, g, b]) or save index masks.'
    )
  return _from_colors(pixels, rules)


def _from_values(
  values: np.ndarray,
  rules: mask_rules.MaskRules,
  counts: np.ndarray | None = None,
) -> MaskFile:
  """Maps integers [H, W]; gives back the same array if none changes.

  Args:
    values: Of the pixels.
    rules: What they stand for.
    counts: Pixels by value, if known.
  """
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
  unknown, fitting = {}, []
  for position in np.flatnonzero(counts):
    value = int(known[position])
    target = rules.target(value)
    if target is None:
      unknown[str(value)] = int(counts[position])
    else:
      targets[position] = target
      fitting.append(value)
  histogram = np.zeros(256, np.int64)
  np.add.at(histogram, targets, counts)
  is_same = (targets == known)[counts > 0].all()
  if not is_same or values.dtype != np.uint8:
    values = targets[inverse]
  likely = _likely(unknown, fitting, rules) if unknown else {}
  return MaskFile(
    values, unknown, histogram, values=tuple(fitting), likely=likely
  )


def _likely(
  unknown: dict[str, int], fitting: list[int], rules: mask_rules.MaskRules
) -> dict[str, int]:
  """Class by value if all values are the greys of colours of classes."""
  levels = rules.grey_levels()
  values = [*map(int, unknown), *fitting]
  if not all(value in levels for value in values):
    return {}
  return {str(value): levels[value] for value in values}


def _from_colors(pixels: np.ndarray, rules: mask_rules.MaskRules) -> MaskFile:
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
  return MaskFile(
    indices,
    unknown,
    np.bincount(indices.ravel(), minlength=256),
    likely=_likely_greys(pixels, unknown, rules) if unknown else {},
  )


def _likely_greys(
  pixels: np.ndarray, unknown: dict[str, int], rules: mask_rules.MaskRules
) -> dict[str, int]:
  """Class by '#gggggg' if a mask is grey, and these are greys of colours."""
  if (pixels != pixels[..., :1]).any():
    return {}
  levels = rules.grey_levels()
  found = {text: levels.get(int(text[1:3], 16)) for text in unknown}
  return {} if None in found.values() else found

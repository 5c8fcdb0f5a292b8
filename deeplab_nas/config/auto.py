r"""`--config=auto`: settings for one's own data set, from its dataset.json.

    python scripts/train.py --mode=search --config=auto --data_dir=my_tfrecord \
        --print_config

Sizes, counts and class frequencies decide; equal files give equal settings, on
every machine. Each setting comes with its reason, in one line. The sizes of
steps and networks are made for two processor cores: a search and a training of
minutes. Who has a GPU and days takes a preset.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from deeplab_nas import commands, errors
from deeplab_nas.data import classes, dataset_info

NAME = 'auto'

_RARE = 0.05  # share of the pixels below which a class may be thin, too
_MANY, _VERY_MANY = 500, 2000  # training images
# Pixels of an image: what suits, and what fits in the memory of a validation.
_SUITABLE_PIXELS, _MOST_PIXELS = 2**20, 2**22
_STEP_PIXELS = 140_000  # in all crops of a step
_BATCH_PIXELS, _BATCH_LOGITS = 6_000_000, 400_000_000  # of a validation
_VAL_PIXELS = 8_000_000
_CACHE_BYTES = 2**31
_LEAST_SIDE, _STRIDE = 64, 32
_EPOCHS, _ARCH_START_EPOCH = 12, 5
# Steps within which the moving statistics of batch norm are renewed this often.
_RENEWALS = 30

Given = Mapping[str, Mapping[str, Any]]


@dataclasses.dataclass(frozen=True)
class Choice:
  """Settings and why.

  Attributes:
    settings: Values by section and key, as in a preset.
    reasons: One line each, 'data.batch_size=4: why'; the last ones say how long
      a search and a training take.
  """

  settings: dict[str, dict[str, Any]]
  reasons: tuple[str, ...]


def choose(
  info: dataset_info.DatasetInfo, given: Given | None = None
) -> Choice:
  """Settings of a search and a training that suit the data.

  Args:
    info: The description of the data, with the counts of its splits.
    given: Settings by section and key that stay as they are; what depends on
      them follows them.

  Raises:
    UserError: If the splits were never counted, or have no images to train on.
  """
  notes = _Notes(given or {})
  facts = _Facts.of(info, notes)
  pixels = _choose_images(notes, facts)
  _choose_validation(notes, facts, pixels)
  _choose_weights(notes, facts)
  seconds = _choose_search(notes, facts), _choose_training(notes, facts)
  for what, value in zip(('search', 'training'), seconds):
    notes.reasons.append(
      f'time: the {what} takes about {_minutes(value)} on two processor cores;'
      ' --dry_run measures it on yours'
    )
  return Choice(notes.settings, tuple(notes.reasons))


class _Notes:
  """Settings as they are decided, and what was given before."""

  def __init__(self, given: Given):
    self.settings: dict[str, dict[str, Any]] = {}
    self.reasons: list[str] = []
    self._given = given

  def choose(self, key: str, value: Any, why: str = '') -> Any:
    """Notes a value unless one is given; returns the one that holds."""
    section, name = key.split('.')
    if name in self._given.get(section, {}):
      given = self._given[section][name]
      self.reasons.append(f'{key}={_text(given)}: as it was set')
      return given
    self.settings.setdefault(section, {})[name] = value
    if why:
      self.reasons.append(f'{key}={_text(value)}: {why}')
    return value

  def given(self, key: str, default: Any) -> Any:
    """The value of a setting that is never chosen."""
    section, name = key.split('.')
    return self._given.get(section, {}).get(name, default)


@dataclasses.dataclass(frozen=True)
class _Facts:
  """What the settings depend on.

  Attributes:
    num_images: To train on.
    num_val: To validate on.
    size: Largest (height, width) of both splits.
    num_classes: Channels of the logits.
    shares: Of the labelled pixels, by name of each class that has any.
  """

  num_images: int
  num_val: int
  size: tuple[int, int]
  num_classes: int
  shares: dict[str, float]

  @classmethod
  def of(cls, info: dataset_info.DatasetInfo, notes: _Notes) -> _Facts:
    train = notes.given('data.train_split', 'train')
    if train not in info.splits:
      raise errors.UserError(
        f'--config=auto needs the counts of split {train}, and dataset.json'
        f' counts {", ".join(info.splits) or "no split"}: choose the split with'
        ' --set=data.train_split=NAME, convert the data with'
        f' {commands.name("convert")}, or take another --config.'
      )
    split = info.splits[train]
    errors.require(split.num_examples > 0, f'Split {train} has no images.')
    classes.require_several(info, train)
    val = info.splits.get(notes.given('data.val_split', 'val'))
    sizes = [split.max_size] + ([val.max_size] if val else [])
    size = tuple(max(1, *sides) for sides in zip(*sizes, (1, 1)))
    pixels = dict(zip(info.class_names, split.class_pixels))
    found = classes.occurring(info, train)
    total = sum(pixels[name] for name in found)
    return cls(
      split.num_examples,
      val.num_examples if val else 0,
      size,
      info.num_classes,
      {name: pixels[name] / total for name in found},
    )

  @property
  def rarest(self) -> tuple[str, float]:
    """The class of the fewest pixels, and its share."""
    name = min(self.shares, key=self.shares.get, default='')
    return name, self.shares.get(name, 1.0)

  def described(self) -> str:
    """'94 training and 24 validation images of up to 320 x 480 pixels'."""
    height, width = self.size
    return (
      f'{self.num_images} training and {self.num_val} validation images of up'
      f' to {height} x {width} pixels, {len(self.shares)} classes that occur'
    )


def _choose_images(notes: _Notes, facts: _Facts) -> int:
  """Scale, batch and crop; returns the pixels of a scaled image."""
  notes.reasons.append(f'data: {facts.described()}')
  scale = notes.choose('data.image_scale', *_scale(facts))
  height, width = (max(1, round(side * scale)) for side in facts.size)
  pixels = height * width
  batch = notes.choose('data.batch_size', *_batch(facts, pixels))
  crop = _crop(height, width, _STEP_PIXELS // batch)
  is_whole = crop[0] >= height and crop[1] >= width
  what = 'the whole image' if is_whole else 'a part of the image'
  notes.choose(
    'data.crop_size',
    crop,
    f'{what}, which is {height} x {width} after scaling; batch and crop'
    f' together are some {_STEP_PIXELS // 1000},000 pixels a step at most',
  )
  name, share = facts.rarest
  least, why = 0.75, 'moderate, since a short training sees few variants'
  if share < _RARE:
    least, why = 1.0, f'class {name} may be too thin to be made smaller'
  notes.choose('data.min_scale', least, why)
  notes.choose('data.max_scale', max(1.5, least), 'moderate likewise')
  num_bytes = 4 * pixels * facts.num_images
  fits = num_bytes <= _CACHE_BYTES
  notes.choose(
    'data.cache',
    fits,
    f'decoded, the images take {num_bytes / 2**30:.1f} GiB of memory',
  )
  return pixels


def _scale(facts: _Facts) -> tuple[float, str]:
  """The factor of all images, and why."""
  short, long = min(facts.size), max(facts.size)
  if short < _LEAST_SIDE and 2 * long <= 1024:
    scale = 2.0 if 2 * short >= _LEAST_SIDE or 4 * long > 1024 else 4.0
    return scale, (
      f'sides of {short} pixels leave little at the strides of up to {_STRIDE}'
    )
  name, share = facts.rarest
  is_thin = share < _RARE and facts.num_images < _MANY
  suitable = _MOST_PIXELS if is_thin else _SUITABLE_PIXELS
  scale = 1.0
  for power in range(16):
    for scale in (1 / 2**power, 0.75 / 2**power):
      pixels = short * long * scale**2
      is_narrow = short * scale * 0.75 < 2 * _LEAST_SIDE
      if pixels <= suitable or (is_narrow and pixels <= _MOST_PIXELS):
        return scale, _why_scale(scale, name, share)
  return scale, _why_scale(scale, name, share)


def _why_scale(scale: float, name: str, share: float) -> str:
  rare = f'class {name} has {_percent(share)} of the pixels'
  if scale == 1:
    return (
      f'{rare}, and what is thin would vanish in smaller images'
      if share < _RARE
      else 'the images are of a size that two cores can work with'
    )
  text = 'larger images would take too much time and memory'
  return (
    f'{text}; {rare}: if it is a few pixels thin, cut the images into tiles'
    if share < _RARE
    else text
  )


def _batch(facts: _Facts, pixels: int) -> tuple[int, str]:
  """Images in a step, and why."""
  batch = 2 if facts.num_images < 16 else 4 if facts.num_images < 200 else 8
  why = f'for {facts.num_images} training images'
  most = min(_BATCH_PIXELS, _BATCH_LOGITS // facts.num_classes) // pixels
  if most < batch:
    batch = max(2, most)
    why = 'more whole images would fill the memory when they are validated'
  return batch, why


def _crop(height: int, width: int, most_pixels: int) -> list[int]:
  """(height, width), 32 k + 1 each, of about so many pixels at most."""
  sides = [_covering(height), _covering(width)]
  if math.prod(sides) <= most_pixels:
    return sides
  square = _within(math.sqrt(most_pixels))
  for one, other in ((0, 1), (1, 0)):
    if sides[one] <= square:
      sides[other] = min(sides[other], _within(most_pixels / sides[one]))
      return sides
  return [square, square]


def _covering(side: int) -> int:
  """The least 32 k + 1, k > 0, that holds a side."""
  return _STRIDE * max(1, math.ceil((side - 1) / _STRIDE)) + 1


def _within(side: float) -> int:
  """The largest 32 k + 1, k > 0, within a side."""
  return _STRIDE * max(1, math.floor((side - 1) / _STRIDE)) + 1


def _choose_validation(notes: _Notes, facts: _Facts, pixels: int) -> None:
  if not facts.num_val:
    split = notes.given('data.val_split', 'val')
    why = f'dataset.json counts no images of split {split}: nothing is measured'
    notes.choose('data.val_split', '', why)
    return
  most = max(4, _VAL_PIXELS // pixels)
  if most < facts.num_val:
    notes.choose(
      'data.max_val_images',
      most,
      f'each validation of all {facts.num_val} would take long;'
      f' {commands.name("eval")} measures all of them',
    )


def _choose_weights(notes: _Notes, facts: _Facts) -> None:
  """Weights of the classes in the loss."""
  name, share = facts.rarest
  mean = 1 / max(1, len(facts.shares))
  choice = 'none'
  why = 'no class is much rarer than the others'
  if share < mean / 4:
    choice = 'inverse' if share >= mean / 100 else 'sqrt_inverse'
    why = (
      f'class {name} has {_percent(share)} of the pixels; unweighted, a short'
      ' run learns to leave it out'
    )
  notes.choose('search.class_weights', choice, why)
  notes.choose('train.class_weights', choice, 'likewise')


def _choose_search(notes: _Notes, facts: _Facts) -> float:
  """Space and steps of the search; returns its seconds."""
  layers = notes.choose('space.num_layers', *_layers(facts))
  blocks = notes.choose(
    'space.num_blocks', 3, 'fewer than the paper, for the time of a step'
  )
  filters = notes.choose('space.filter_multiplier', 4, 'likewise')
  batch = _held(notes, 'data', 'batch_size')
  passes = 15 * facts.num_images / 2 / batch
  steps = _choose_steps(notes, 'search', min(max(480, passes), 1500))
  start = notes.choose(
    'search.arch_start_epoch',
    min(_ARCH_START_EPOCH, _held(notes, 'search', 'epochs') // 2),
    'alpha and beta begin when the weights have learnt something',
  )
  notes.choose('search.learning_rate', 0.05, 'few steps, large ones')
  notes.choose(
    'search.arch_learning_rate', 0.01, 'at 0.003 few steps move no logit far'
  )
  notes.choose('search.gradient_clip', 5.0, 'as in DARTS')
  share = 1 - start / _held(notes, 'search', 'epochs')
  size = (4 * layers - 3) * blocks * (blocks + 3) / 2
  crop = _held(notes, 'data', 'crop_size')
  step_seconds = (
    2.5 * size / 900,
    (filters / 8) ** 0.8,
    (batch * math.prod(crop) / 33_000) ** 0.65,
  )
  return 60 + steps * (1 + share) * math.prod(step_seconds)


def _layers(facts: _Facts) -> tuple[int, str]:
  if facts.num_images < _MANY:
    return 4, (
      'few images: a small network learns more from them in the same time'
    )
  layers = 6 if facts.num_images < _VERY_MANY else 8
  return layers, f'for {facts.num_images} images; the paper has 12 and days'


def _choose_training(notes: _Notes, facts: _Facts) -> float:
  """Network and steps of the training; returns its seconds."""
  few = facts.num_images < _MANY
  filters = notes.choose(
    'network.filter_multiplier',
    *((8, 'narrow, for few images') if few else (16, 'of middling width')),
  )
  crop = _held(notes, 'data', 'crop_size')
  rate = max(1, round(min(crop) / 8 / 6))
  notes.choose(
    'network.aspp_rates',
    [rate, 2 * rate, 3 * rate],
    f'the crop is {min(crop) // 8 + 1} wide at stride 8: larger ones see'
    ' padding only',
  )
  notes.choose(
    'network.separable_head', True, 'a full head takes twice the time'
  )
  batch = _held(notes, 'data', 'batch_size')
  passes = 30 * facts.num_images / batch
  steps = _choose_steps(notes, 'train', min(max(800, passes), 3000))
  momentum = min(max(0.5, 1 - _RENEWALS / steps), 0.9997)
  notes.choose(
    'network.batch_norm_momentum',
    round(momentum, 4),
    f'the statistics are renewed {round(steps * (1 - momentum))} times in'
    f" {steps} steps; the paper's 0.9997 is for 1.5 million",
  )
  notes.choose('train.gradient_clip', 5.0, 'against steps that go astray')
  layers = _held(notes, 'space', 'num_layers')
  per_pixel = 28e3 + 6e3 * layers / 12 * (filters / 8) ** 2
  step_flops = 6 * batch * math.prod(crop) * per_pixel
  return 40 + steps * (0.05 + step_flops / 50e9)


def _choose_steps(notes: _Notes, section: str, wished: float) -> int:
  """Epochs of equal length; returns the steps of all of them."""
  epochs = notes.choose(
    f'{section}.epochs', _EPOCHS, 'so often it is validated and saved'
  )
  wished = math.ceil(wished)
  steps = notes.choose(
    f'{section}.steps_per_epoch',
    math.ceil(wished / epochs),
    f'{wished} steps in all: a run that counts passes over the data would be'
    ' too short, or too long for two cores',
  )
  return epochs * (steps or math.ceil(wished / epochs))


def _held(notes: _Notes, section: str, name: str) -> Any:
  """The value that holds of a setting that was chosen before."""
  chosen = notes.settings.get(section, {}).get(name)
  return notes.given(f'{section}.{name}', chosen)


def _percent(share: float) -> str:
  return f'{100 * share:.2g} %'


def _minutes(seconds: float) -> str:
  minutes = max(1, round(seconds / 60))
  return f'{minutes} minute{"s" * (minutes > 1)}'


def _text(value: Any) -> str:
  """A value as `--set` takes it."""
  if isinstance(value, (list, tuple)):
    return f'[{",".join(map(_text, value))}]'
  if isinstance(value, bool) or value is None:
    return {True: 'true', False: 'false', None: 'null'}[value]
  return f'{value:g}' if isinstance(value, float) else str(value)

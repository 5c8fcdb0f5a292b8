r"""`--config=auto`: settings for one's own data set, from its dataset.json.

    python scripts/train.py --mode=search --config=auto --data_dir=my_tfrecord \
        --print_config

Sizes, counts and class frequencies decide; equal files give equal settings, on
every machine. Each setting comes with its reason, in one line. The sizes of
steps and networks are made for two processor cores: a search of half an hour
or one, a training of minutes. Who has a GPU and days takes a preset.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from deeplab_nas import commands, errors, wording
from deeplab_nas.config import auto_study, data_facts, image_sizes
from deeplab_nas.config import choices as choices_lib
from deeplab_nas.config import search as config_search
from deeplab_nas.config import space as config_space
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.data import dataset_info, pipeline_config
from deeplab_nas.space import widths

NAME = 'auto'

_STEP_PIXELS = 140_000  # in all crops of a step
_VAL_PIXELS = 8_000_000
_CACHE_BYTES = 2**31
_EPOCHS, _ARCH_START_EPOCH = 12, 5
# Steps within which the moving statistics of batch norm are renewed this often.
_RENEWALS = 30


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
  info: dataset_info.DatasetInfo, given: choices_lib.Given | None = None
) -> Choice:
  """Settings of a search and a training that suit the data.

  Args:
    info: The description of the data, with the counts of its splits.
    given: Settings by section and key that stay as they are; what depends on
      them follows them.

  Raises:
    UserError: If the splits were never counted, or have no images to train on.
  """
  choices = choices_lib.Choices(given or {})
  facts = data_facts.DataFacts.from_info(
    info,
    choices.given('data.train_split', 'train'),
    choices.given('data.val_split', 'val'),
  )
  scale = _choose_images(choices, facts)
  _choose_strategy(choices)
  _choose_validation(choices, facts, scale)
  _choose_weights(choices, facts)
  _choose_space(choices, facts)
  is_study = auto_study.is_asked_for(choices)
  search = 0.0 if is_study else _choose_search(choices, facts)
  steps, step_seconds = _choose_training(choices, facts)
  if is_study:
    search = auto_study.choose(choices, step_seconds, facts.num_images)
  training = 40 + steps * step_seconds
  for what, value in (('search', search), ('training', training)):
    choices.reasons.append(
      f'time: the {what} takes about {_minutes(value)} on two processor cores;'
      ' --dry_run measures it on yours'
    )
  return Choice(choices.settings, tuple(choices.reasons))


def _choose_images(
  choices: choices_lib.Choices, facts: data_facts.DataFacts
) -> float:
  """Scale, batch and crop; returns the scale."""
  choices.reasons.append(f'data: {facts.described()}')
  scale = choices.choose('data.image_scale', *image_sizes.choose_scale(facts))
  height, width = (max(1, round(side * scale)) for side in facts.size)
  batch = choices.choose(
    'data.batch_size', *image_sizes.choose_batch(facts, scale)
  )
  crop = image_sizes.choose_crop(height, width, _STEP_PIXELS // batch)
  is_whole = crop[0] >= height and crop[1] >= width
  what = 'the whole image' if is_whole else 'a part of the image'
  up_to = 'up to ' if facts.size != facts.largest else ''
  choices.choose(
    'data.crop_size',
    crop,
    f'{what}, which is {up_to}{height} x {width} after scaling; batch and crop'
    f' together are some {_STEP_PIXELS // 1000},000 pixels a step at most',
  )
  least, why = 0.75, 'moderate, since a short training sees few variants'
  if facts.may_be_thin:
    name, _ = facts.rarest
    least, why = 1.0, f'class {name} may be too thin to be made smaller'
  choices.choose('data.min_scale', least, why)
  choices.choose('data.max_scale', max(1.5, least), 'moderate likewise')
  num_bytes = 4 * facts.mean_pixels * scale**2 * facts.num_images
  fits = num_bytes <= _CACHE_BYTES
  choices.choose(
    'data.cache',
    fits,
    f'decoded, the images take {_memory(num_bytes)}',
  )
  return scale


def _choose_strategy(choices: choices_lib.Choices) -> None:
  """Trials, unless a setting is given that only searches by gradients read."""
  by_gradients = config_search.SearchConfig()
  by_trials = config_search.SearchConfig(
    strategy=config_strategies.HalvingConfig.NAME
  )
  given = choices.given_of('search')
  of_gradients = [
    *(f'search.{key}' for key in given if not by_trials.reads(key)),
    *(
      f'space.{key}'
      for key in choices.given_of('space')
      if key in config_space.SpaceConfig.OF_SUPERNET
    ),
  ]
  of_trials = [
    *(f'search.{key}' for key in given if not by_gradients.reads(key)),
    *(
      f'{name}.{key}'
      for name in config_strategies.BY_TRIALS
      for key in choices.given_of(name)
    ),
  ]
  if 'strategy' not in given and of_gradients and of_trials:
    raise errors.UserError(
      f'{of_gradients[0]} is a setting of searches by gradients, and'
      f' {of_trials[0]} of searches by trials: leave one of them out.'
    )
  chosen = by_gradients if of_gradients else by_trials
  why = (
    f'{of_gradients[0]} is a setting of searches by gradients'
    if of_gradients
    else 'it trains networks of their own, and is what found better than'
    ' random ones where we compared strategies on real images'
  )
  choices.choose('search.strategy', chosen.strategy, why)


def _choose_validation(
  choices: choices_lib.Choices, facts: data_facts.DataFacts, scale: float
) -> None:
  if not facts.num_val:
    split = choices.given('data.val_split', 'val')
    why = f'dataset.json counts no images of split {split}: nothing is measured'
    choices.choose('data.val_split', '', why)
    return
  pixels = min(
    math.prod(facts.size), pipeline_config.MOST_PADDING * facts.mean_pixels
  )
  most = max(4, int(_VAL_PIXELS / (pixels * scale**2)))
  if most < facts.num_val:
    choices.choose(
      'data.max_val_images',
      most,
      f'each validation of all {facts.num_val} would take long;'
      f' {commands.name("eval")} measures all of them',
    )


def _choose_weights(
  choices: choices_lib.Choices, facts: data_facts.DataFacts
) -> None:
  """Weights of the classes in the loss."""
  name, share = facts.rarest
  mean = 1 / max(1, len(facts.shares))
  choice = 'none'
  why = 'no class is much rarer than the others'
  if share < mean / 4:
    choice = 'inverse' if share >= mean / 100 else 'sqrt_inverse'
    why = (
      f'class {name} has {data_facts.format_percent(share)} of the pixels;'
      ' unweighted, a short run learns to leave it out'
    )
  if not auto_study.is_asked_for(choices):  # whose trials are trainings
    choices.choose('search.class_weights', choice, why)
    why = 'likewise'
  choices.choose('train.class_weights', choice, why)


def _choose_space(
  choices: choices_lib.Choices, facts: data_facts.DataFacts
) -> None:
  """Layers and blocks."""
  choices.choose('space.num_layers', *_layers(facts))
  choices.choose(
    'space.num_blocks', 3, 'fewer than the paper, for the time of a step'
  )


def _choose_search(
  choices: choices_lib.Choices, facts: data_facts.DataFacts
) -> float:
  """Width and steps of the supernet; returns the search's seconds."""
  layers = choices.held('space.num_layers')
  blocks = choices.held('space.num_blocks')
  filters = choices.choose(
    'space.filter_multiplier', 4, 'narrow, for the time of a step'
  )
  choices.choose(
    'space.stem_filters', list(widths.SLIM_STEM_FILTERS), 'likewise'
  )
  batch = choices.held('data.batch_size')
  passes = 15 * facts.num_images / 2 / batch
  steps = _choose_steps(choices, 'search', min(max(480, passes), 1500))
  start = choices.choose(
    'search.arch_start_epoch',
    min(_ARCH_START_EPOCH, choices.held('search.epochs') // 2),
    'alpha and beta begin when the weights have learnt something',
  )
  choices.choose('search.learning_rate', 0.05, 'few steps, large ones')
  choices.choose(
    'search.arch_learning_rate', 0.01, 'at 0.003 few steps move no logit far'
  )
  choices.choose('search.gradient_clip', 5.0, 'as in DARTS')
  share = 1 - start / choices.held('search.epochs')
  size = (4 * layers - 3) * blocks * (blocks + 3) / 2
  crop = choices.held('data.crop_size')
  step_seconds = (
    2.5 * size / 900,
    (filters / 8) ** 0.8,
    (batch * math.prod(crop) / 33_000) ** 0.65,
  )
  return 60 + steps * (1 + share) * math.prod(step_seconds)


def _layers(facts: data_facts.DataFacts) -> tuple[int, str]:
  if facts.num_images < data_facts.MANY:
    return 4, (
      'few images: a small network learns more from them in the same time'
    )
  layers = 6 if facts.num_images < data_facts.VERY_MANY else 8
  return layers, f'for {facts.num_images} images; the paper has 12 and days'


def _choose_training(
  choices: choices_lib.Choices, facts: data_facts.DataFacts
) -> tuple[int, float]:
  """Network and steps of the training; returns these and seconds of one."""
  few = facts.num_images < data_facts.MANY
  filters = choices.choose(
    'network.filter_multiplier',
    *((8, 'narrow, for few images') if few else (16, 'of middling width')),
  )
  stem, head = _choose_stem_and_head(choices)
  crop = choices.held('data.crop_size')
  rate = max(1, round(min(crop) / 8 / 6))
  choices.choose(
    'network.aspp_rates',
    [rate, 2 * rate, 3 * rate],
    f'the crop is {min(crop) // 8 + 1} wide at stride 8: larger ones see'
    ' padding only',
  )
  choices.choose(
    'network.separable_head', True, 'a full head takes twice the time'
  )
  batch = choices.held('data.batch_size')
  passes = 30 * facts.num_images / batch
  steps = _choose_steps(choices, 'train', min(max(800, passes), 3000))
  momentum = min(max(0.5, 1 - _RENEWALS / steps), 0.9997)
  choices.choose(
    'network.batch_norm_momentum',
    round(momentum, 4),
    'the statistics are renewed'
    f' {wording.counted(round(steps * (1 - momentum)), "time")} in'
    f" {wording.counted(steps, 'step')}; the paper's 0.9997 is for 1.5 million",
  )
  choices.choose('train.gradient_clip', 5.0, 'against steps that go astray')
  layers = choices.held('space.num_layers')
  per_pixel = (
    9 * (3 * stem[0] / 4 + stem[0] * stem[1] / 4 + stem[1] * stem[2] / 16)
    + 14e3 * (head / 256) ** 2
    + 6e3 * layers / 12 * (filters / 8) ** 2
  )
  step_flops = 6 * batch * math.prod(crop) * per_pixel
  return steps, 0.05 + step_flops / 50e9


def _choose_stem_and_head(
  choices: choices_lib.Choices,
) -> tuple[Sequence[int], int]:
  """Filters of the stem's convolutions, and of the head."""
  stem = choices.choose(
    'network.stem_filters',
    list(widths.SLIM_STEM_FILTERS),
    "beside the paper's stem and head the cells, which are what was searched,"
    ' would have a few percent of the multiply-adds',
  )
  head = choices.choose(
    'network.head_filters', widths.SLIM_HEAD_FILTERS, 'likewise'
  )
  return stem, head


def _choose_steps(
  choices: choices_lib.Choices, section: str, wished: float
) -> int:
  """Epochs of equal length; returns the steps of all of them."""
  epochs = choices.choose(
    f'{section}.epochs', _EPOCHS, 'so often it is validated and saved'
  )
  wished = math.ceil(wished)
  steps = choices.choose(
    f'{section}.steps_per_epoch',
    math.ceil(wished / epochs),
    f'{wished} steps in all: a run that counts passes over the data would be'
    ' too short, or too long for two cores',
  )
  return epochs * (steps or math.ceil(wished / epochs))


def _memory(num_bytes: int) -> str:
  if num_bytes < 2**30:
    return f'{math.ceil(num_bytes / 2**20)} MiB of memory'
  return f'{num_bytes / 2**30:.1f} GiB of memory'


def _minutes(seconds: float) -> str:
  return wording.counted(max(1, round(seconds / 60)), 'minute')

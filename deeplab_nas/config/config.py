"""What a run does: frozen records, read from YAML or a preset.

    config = load('quickstart', ['data.dir=/data/mine', 'search.epochs=10'])
    config.space.build()   # the SearchSpace
    print(config.to_yaml())

The defaults are the paper's. Every field checks its type and range when a
record is made; the message names the field, the value and what is expected.
TensorFlow is not imported here, so that a typing mistake shows at once.

Reference:
  Auto-DeepLab, Sec. 5.1, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import yaml
from absl import logging

from deeplab_nas import errors, files, safe_yaml
from deeplab_nas.config import auto, presets
from deeplab_nas.config import field as config_field
from deeplab_nas.config import loss as config_loss
from deeplab_nas.config import runtime as config_runtime
from deeplab_nas.config import train as config_train
from deeplab_nas.data import dataset_info
from deeplab_nas.space import cell_space, lattice, primitives, search_space

if TYPE_CHECKING:
  from deeplab_nas.data import input_pipeline

_field = config_field.field
NetworkConfig = config_train.NetworkConfig
TrainConfig = config_train.TrainConfig
EvalConfig = config_train.EvalConfig
RuntimeConfig = config_runtime.RuntimeConfig


@dataclasses.dataclass(frozen=True)
class SpaceConfig(config_field.Section):
  """What can be searched.

  Attributes:
    num_layers: L, layers of the lattice.
    num_blocks: B, blocks of the cell.
    primitives: Name of the operator set, a key of `primitives.PRESETS`.
    filter_multiplier: F, filters of one block at stride 4.
    partial_channels: K, a divisor of F. Above 1, each mixed operation sees 1/K
      of the channels and edges have weights of their own: PC-DARTS, another
      function than the full supernet, https://arxiv.org/abs/1907.05737.
  """

  NAME: ClassVar[str] = 'space'

  num_layers: int = _field(12, int, low=1)
  num_blocks: int = _field(5, int, low=1, high=cell_space.MAX_BLOCKS)
  primitives: str = _field(
    'auto_deeplab', str, choices=tuple(primitives.PRESETS)
  )
  filter_multiplier: int = _field(8, int, low=1)
  partial_channels: int = _field(1, int, low=1)

  def __post_init__(self):
    super().__post_init__()
    if self.filter_multiplier % self.partial_channels:
      raise errors.UserError(
        f'space.partial_channels is {self.partial_channels}, expected a'
        ' divisor of space.filter_multiplier, which is'
        f' {self.filter_multiplier}.'
      )

  def build(self) -> search_space.SearchSpace:
    return search_space.SearchSpace(
      cell_space.CellSpace(
        self.num_blocks, primitives.PRESETS[self.primitives]
      ),
      lattice.Lattice(self.num_layers),
      self.filter_multiplier,
      self.partial_channels,
    )


@dataclasses.dataclass(frozen=True)
class DataConfig(config_field.Section):
  """Where images come from and how they become batches.

  Attributes:
    dir: Folder of TFRecord shards, as the converters in datasets/ write it.
    dataset: For shards without dataset.json: 'cityscapes' or 'pascal_voc_seg'.
    train_split: Split that trains a network; in a search, its halves A and B
      train weights and architecture.
    val_split: Split that only measures; '' for none.
    crop_size: (height, width) of the training crops.
    batch_size: Images per batch, over all replicas. At least 2: batch norm
      after image pooling has one value for each image.
    image_scale: Resizes all images first; 0.5 halves height and width.
    min_scale: Smallest random scale.
    max_scale: Largest random scale.
    scale_step: Distance of the random scales; 0 for a continuous range.
    flip: Whether to mirror half of the training images.
    color_jitter: Relative change of brightness, contrast, saturation.
    shuffle_buffer: Examples among which the next one is drawn.
    cache: Whether to keep the decoded images in memory.
    max_val_images: Validates on the first so many images; null for all.
    skip_corrupt_records: How many damaged records may be left out; above 0, all
      are read and decoded once at the start.
  """

  NAME: ClassVar[str] = 'data'

  dir: str = _field('', str)
  dataset: str = _field('', str)
  train_split: str = _field('train', str)
  val_split: str = _field('val', str)
  crop_size: tuple[int, int] = _field((321, 321), int, low=1, length=2)
  batch_size: int = _field(2, int, low=2)
  image_scale: float = _field(1.0, float, above=0)
  min_scale: float = _field(0.5, float, above=0)
  max_scale: float = _field(2.0, float, above=0)
  scale_step: float = _field(0.25, float, low=0)
  flip: bool = _field(True, bool)
  color_jitter: float = _field(0.0, float, low=0, below=1)
  shuffle_buffer: int = _field(1000, int, low=1)
  cache: bool = _field(True, bool)
  max_val_images: int | None = _field(None, int, low=1, optional=True)
  skip_corrupt_records: int = _field(0, int, low=0)

  def __post_init__(self):
    super().__post_init__()
    if self.min_scale > self.max_scale:
      raise errors.UserError(
        f'data.min_scale is {self.min_scale:g}, expected at most'
        f' data.max_scale, which is {self.max_scale:g}.'
      )

  def pipeline(self, seed: int | None = None) -> input_pipeline.PipelineConfig:
    """The settings of the input pipeline; imports TensorFlow."""
    from deeplab_nas.data import input_pipeline

    names = {f.name for f in dataclasses.fields(input_pipeline.PipelineConfig)}
    values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
    shared = {name: value for name, value in values.items() if name in names}
    return input_pipeline.PipelineConfig(seed=seed, **shared)


@dataclasses.dataclass(frozen=True)
class SearchConfig(config_loss.LossConfig):
  """How the search decides: SGD for weights, Adam for the architecture.

  The settings of the loss, of both, are those of `LossConfig`.

  Attributes:
    strategy: A name in `deeplab_nas/search/strategies.py`.
    epochs: Passes over half A of the training split.
    steps_per_epoch: Steps per epoch; null for one pass over half A.
    learning_rate: Of the weights, at the start of the cosine.
    end_learning_rate: Of the weights, at its end.
    momentum: Of the weights.
    weight_decay: Of the weights.
    gradient_clip: Largest global norm of the weights' gradient; null for none.
      DARTS clips at 5, the paper does not say.
    arch_start_epoch: Epochs that train weights alone, before alpha and beta.
    arch_learning_rate: Of alpha and beta, and of gamma where there is one.
    arch_weight_decay: Likewise.
    arch_beta_1: Adam's first decay. The paper gives no decays; 0.5 and 0.999
      are those of DARTS.
    arch_beta_2: Adam's second decay.
    arch_init_stddev: Their standard deviation at the start.
    decode: The score of a path when the architecture is read off: 'ratio', the
      sum of log(p * number of moves out of the node), or 'product', the sum of
      log p, the paper's; see g3doc/strategies.md.
    recompute: Whether the supernet keeps the inputs of its nodes alone and
      computes the rest again for the gradient; see g3doc/performance.md.
    precision: Of the supernet's states and convolutions; all else is float32.
  """

  NAME: ClassVar[str] = 'search'

  strategy: str = _field('first_order', str)
  epochs: int = _field(40, int, low=1)
  steps_per_epoch: int | None = _field(None, int, low=1, optional=True)
  learning_rate: float = _field(0.025, float, above=0)
  end_learning_rate: float = _field(0.001, float, low=0)
  momentum: float = _field(0.9, float, low=0, below=1)
  weight_decay: float = _field(3e-4, float, low=0)
  gradient_clip: float | None = _field(None, float, above=0, optional=True)
  arch_start_epoch: int = _field(20, int, low=0)
  arch_learning_rate: float = _field(3e-3, float, above=0)
  arch_weight_decay: float = _field(1e-3, float, low=0)
  arch_beta_1: float = _field(0.5, float, low=0, below=1)
  arch_beta_2: float = _field(0.999, float, low=0, below=1)
  arch_init_stddev: float = _field(1e-3, float, low=0)
  decode: str = _field('ratio', str, choices=('ratio', 'product'))
  recompute: bool = _field(True, bool)
  precision: str = _field('float32', str, choices=('float32', 'mixed_bfloat16'))

  def __post_init__(self):
    super().__post_init__()
    if self.end_learning_rate > self.learning_rate:
      raise errors.UserError(
        f'search.end_learning_rate is {self.end_learning_rate:g}, expected at'
        f' most search.learning_rate, which is {self.learning_rate:g}.'
      )
    if self.arch_start_epoch >= self.epochs:
      raise errors.UserError(
        f'search.arch_start_epoch is {self.arch_start_epoch}, expected less'
        f' than search.epochs, which is {self.epochs}: otherwise alpha and'
        ' beta would never be trained.'
      )


@dataclasses.dataclass(frozen=True)
class Config:
  """Everything that a run depends on, besides the data and the code.

  Attributes:
    name: What it was read from, a preset, 'auto' or a file; no setting.
    overrides: The texts that changed that; no setting either.
  """

  space: SpaceConfig = SpaceConfig()
  data: DataConfig = DataConfig()
  search: SearchConfig = SearchConfig()
  network: NetworkConfig = NetworkConfig()
  train: TrainConfig = TrainConfig()
  eval: EvalConfig = EvalConfig()
  runtime: RuntimeConfig = RuntimeConfig()
  name: str = dataclasses.field(default='', compare=False)
  overrides: tuple[str, ...] = dataclasses.field(default=(), compare=False)

  @classmethod
  def from_dict(cls, settings: Mapping[str, Any]) -> Config:
    """The defaults with nested settings, `{'search': {'epochs': 10}}`, on top.

    Settings of earlier releases may have their earlier names.

    Raises:
      UserError: For an unknown name (the nearest known one is suggested) or a
        value that does not fit.
    """
    sections = {}
    for name, values in with_current_names(settings).items():
      if name not in _SECTIONS:
        raise _unknown(str(name))
      if not isinstance(values, Mapping):
        raise errors.UserError(
          f'{name} is {config_field.short(values)}, expected settings by'
          f' name, such as {next(_keys(_SECTIONS[name]))}.'
        )
      known = {f.name for f in dataclasses.fields(_SECTIONS[name])}
      for key in values:
        if key not in known:
          raise _unknown(f'{name}.{key}')
      sections[name] = _SECTIONS[name](**values)
    return cls(**sections)

  def to_dict(self) -> dict[str, dict[str, Any]]:
    """Every setting, nested, in types that YAML and JSON know."""
    return {
      name: {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
      }
      for name, values in dataclasses.asdict(self).items()
      if name in _SECTIONS
    }

  def to_yaml(self) -> str:
    """Text that `load` reads back to an equal config."""
    return yaml.safe_dump(self.to_dict(), sort_keys=False)


_SECTIONS = {
  section.NAME: section
  for section in (
    SpaceConfig,
    DataConfig,
    SearchConfig,
    NetworkConfig,
    TrainConfig,
    EvalConfig,
    RuntimeConfig,
  )
}


# Settings by the names that earlier releases wrote to config.yaml.
_RENAMED = {
  'train': {
    'top_k': 'ohem_fraction',
    'top_k_ramp_steps': 'ohem_ramp_steps',
  }
}


# Settings that earlier releases did not have, but learnt by.
_LOSS = {f.name: f.default for f in dataclasses.fields(config_loss.LossConfig)}
_ADDED = {'search': _LOSS, 'train': _LOSS}


def with_current_names(settings: Mapping[str, Any]) -> dict[str, Any]:
  """Nested settings of any release, by the names that they have now.

  A section that is there has the settings of the loss too: where an earlier
  release did not know one, it had today's default.
  """
  return {
    section: {
      **_ADDED.get(section, {}),
      **{
        _RENAMED.get(section, {}).get(name, name): value
        for name, value in values.items()
      },
    }
    if isinstance(values, Mapping)
    else values
    for section, values in settings.items()
  }


def load(
  path_or_preset: str,
  overrides: Sequence[str] = (),
  data_dir: str | None = None,
) -> Config:
  """Reads a config: a preset or a YAML file, then `section.key=value` texts.

  Args:
    path_or_preset: A name of `presets.PRESETS`, 'auto' for settings that suit
      the data, or a YAML file; what the file leaves out has its default.
    overrides: Such as 'search.epochs=10'; the value is YAML.
    data_dir: Comes before any other data.dir; None for that.

  Raises:
    UserError: If there is no such preset or file, or a setting does not fit.
  """
  given: dict[str, dict[str, Any]] = {}
  for override in overrides:
    section, key, value = _parse_override(override)
    given.setdefault(section, {})[key] = value
  if data_dir is not None:
    given.setdefault('data', {})['dir'] = data_dir
  if path_or_preset == auto.NAME:
    settings = _suited(given)
  elif path_or_preset in presets.PRESETS:
    settings = presets.PRESETS[path_or_preset].settings
  else:
    settings = _read(path_or_preset)
  merged = {
    name: dict(values) if isinstance(values, Mapping) else values
    for name, values in settings.items()
  }
  for section, values in given.items():
    merged.setdefault(section, {})
    if isinstance(merged[section], dict):
      merged[section].update(values)
  return dataclasses.replace(
    Config.from_dict(merged), name=path_or_preset, overrides=tuple(overrides)
  )


def _suited(given: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
  """The settings of --config=auto, whose reasons are logged."""
  fitting: dict[str, dict[str, Any]] = {}
  for section, values in given.items():
    fields = {f.name: f for f in dataclasses.fields(_SECTIONS[section])}
    for key, value in values.items():
      with contextlib.suppress(TypeError, ValueError, OverflowError):
        rule = fields[key].metadata['rule']
        fitting.setdefault(section, {})[key] = rule.convert(value)
  data = fitting.get('data', {})
  if not data.get('dir'):
    raise errors.UserError(
      '--config=auto reads the dataset.json of the data: say where that is'
      ' with --data_dir=DIR, the folder that one of datasets/build_*.py wrote.'
    )
  info = dataset_info.DatasetInfo.load(data['dir'], data.get('dataset') or None)
  choice = auto.choose(info, fitting)
  logging.info(
    '--config=auto chose by %s/%s:\n%s',
    *(data['dir'], dataset_info.FILE_NAME),
    '\n'.join(f'  {reason}' for reason in choice.reasons),
  )
  return choice.settings


def _read(path: str) -> Mapping[str, Any]:
  """The settings of a YAML file."""
  file = pathlib.Path(path)
  if not file.is_file():
    raise errors.UserError(
      f'--config={path} is neither a file nor a preset; presets are'
      f' {", ".join((auto.NAME, *presets.PRESETS))}.'
    )
  try:
    settings = safe_yaml.parse(files.read(file))
  except ValueError as error:
    raise errors.UserError(f'{path} cannot be read: {error}.') from error
  if settings is None:
    return {}
  if not isinstance(settings, dict):
    raise errors.UserError(
      f'{path} holds {config_field.short(settings)}, expected the sections'
      f' {", ".join(_SECTIONS)}.'
    )
  return settings


def _parse_override(text: str) -> tuple[str, str, Any]:
  """('search', 'epochs', 10) from 'search.epochs=10'."""
  key, equals, value = text.partition('=')
  if not equals:
    raise errors.UserError(
      f'--set={text} has no value: write --set=section.key=value, such as'
      ' --set=search.epochs=10.'
    )
  key = key.strip()
  if key not in _all_keys():
    raise _unknown(key)
  try:
    section, name = key.split('.')
    if not value.strip() and _is_text(section, name):
      return section, name, ''  # which YAML reads as null
    return section, name, safe_yaml.parse(value)
  except ValueError as error:
    raise errors.UserError(f'--set={text} cannot be read: {error}.') from error


def _is_text(section: str, name: str) -> bool:
  """Whether a setting is a text."""
  fields = {f.name: f for f in dataclasses.fields(_SECTIONS[section])}
  return fields[name].metadata['rule'].kind is str


def setting_named(name: str) -> str | None:
  """The first setting of that name, as 'runtime.seed' for 'seed'."""
  found = [key for key in _all_keys() if key.rpartition('.')[-1] == name]
  return found[0] if found else None


def _all_keys() -> list[str]:
  return [key for section in _SECTIONS.values() for key in _keys(section)]


def _keys(section: type[config_field.Section]) -> Iterator[str]:
  """'search.epochs', ... of one section."""
  return (f'{section.NAME}.{f.name}' for f in dataclasses.fields(section))


def _unknown(key: str) -> errors.UserError:
  """The error for a setting that does not exist, with the nearest that does."""
  if not key.isprintable() or len(key) > 60:
    key = config_field.short(key)
  return errors.UserError(f'There is no setting {key}: {_suggestion(key)}')


def _suggestion(key: str) -> str:
  keys = _all_keys()
  last = key.rpartition('.')[-1]
  elsewhere = [known for known in keys if known.rpartition('.')[-1] == last]
  near = elsewhere or difflib.get_close_matches(key, keys, n=1, cutoff=0.6)
  if near:
    return f'did you mean {near[0]}?'
  return f'the sections are {", ".join(_SECTIONS)}.'

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
from typing import Any

import yaml
from absl import logging

from deeplab_nas import checked_fields, commands, errors, files, safe_yaml
from deeplab_nas.config import auto, presets
from deeplab_nas.config import data as config_data
from deeplab_nas.config import relaxed_strategies as config_relaxed
from deeplab_nas.config import runtime as config_runtime
from deeplab_nas.config import search as config_search
from deeplab_nas.config import space as config_space
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.config import train as config_train
from deeplab_nas.data import dataset_info

SpaceConfig = config_space.SpaceConfig
DataConfig = config_data.DataConfig
SearchConfig = config_search.SearchConfig
NetworkConfig = config_train.NetworkConfig
TrainConfig = config_train.TrainConfig
EvalConfig = config_train.EvalConfig
RuntimeConfig = config_runtime.RuntimeConfig


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
  second_order: config_relaxed.SecondOrderConfig = (
    config_relaxed.SecondOrderConfig()
  )
  snas: config_relaxed.SnasConfig = config_relaxed.SnasConfig()
  gdas: config_relaxed.GdasConfig = config_relaxed.GdasConfig()
  drnas: config_relaxed.DrnasConfig = config_relaxed.DrnasConfig()
  proxyless: config_relaxed.ProxylessConfig = config_relaxed.ProxylessConfig()
  enas: config_relaxed.EnasConfig = config_relaxed.EnasConfig()
  perturbation: config_relaxed.PerturbationConfig = (
    config_relaxed.PerturbationConfig()
  )
  single_path: config_relaxed.SinglePathConfig = (
    config_relaxed.SinglePathConfig()
  )
  local_search: config_strategies.LocalSearchConfig = (
    config_strategies.LocalSearchConfig()
  )
  regularized_evolution: config_strategies.RegularizedEvolutionConfig = (
    config_strategies.RegularizedEvolutionConfig()
  )
  nsga2: config_strategies.Nsga2Config = config_strategies.Nsga2Config()
  lemonade: config_strategies.LemonadeConfig = (
    config_strategies.LemonadeConfig()
  )
  tpe: config_strategies.TpeConfig = config_strategies.TpeConfig()
  halving: config_strategies.HalvingConfig = config_strategies.HalvingConfig()
  bayesian: config_strategies.BayesianConfig = (
    config_strategies.BayesianConfig()
  )
  esnac: config_strategies.EsnacConfig = config_strategies.EsnacConfig()
  pnas: config_strategies.PnasConfig = config_strategies.PnasConfig()
  reinforce: config_strategies.ReinforceConfig = (
    config_strategies.ReinforceConfig()
  )
  graph_hypernetwork: config_strategies.GraphHypernetworkConfig = (
    config_strategies.GraphHypernetworkConfig()
  )
  name: str = dataclasses.field(default='', compare=False)
  overrides: tuple[str, ...] = dataclasses.field(default=(), compare=False)

  @classmethod
  def from_dict(cls, settings: Mapping[str, Any]) -> Config:
    """The defaults with nested settings, `{'search': {'epochs': 10}}`, on top.

    Settings of earlier releases may have their earlier names.

    Raises:
      UserError: For an unknown name (the nearest known one is suggested), a
        value that does not fit, or a setting of another strategy than the one
        that is chosen.
    """
    sections = {
      name: _section(name, values)
      for name, values in with_current_names(settings).items()
    }
    strategy = sections.get('search', SearchConfig()).strategy
    for name in sections:
      if name in config_strategies.SECTIONS and name != strategy:
        key = next(iter(settings[name]), None)
        if key is None:
          continue
        raise errors.UserError(
          f'{name}.{key} is a setting of search.strategy={name}, but'
          f' search.strategy is {checked_fields.short(strategy)}: set'
          f' search.strategy={name}, or leave {name}.{key} out.'
        )
    return cls(**sections)

  def to_dict(self) -> dict[str, dict[str, Any]]:
    """Every setting, nested, in types that YAML and JSON know.

    Of the sections that belong to one strategy, the chosen one's alone.
    """
    hidden = config_strategies.SECTIONS.keys() - {self.search.strategy}
    return {
      name: {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in values.items()
      }
      for name, values in dataclasses.asdict(self).items()
      if name in _SECTIONS and name not in hidden
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
    *config_strategies.SECTIONS.values(),
  )
}


def _section(name: str, values: Any) -> checked_fields.Section:
  """The section of that name with some settings."""
  if name not in _SECTIONS:
    raise _unknown(str(name))
  if not isinstance(values, Mapping):
    raise errors.UserError(
      f'{name} is {checked_fields.short(values)}, expected settings by'
      f' name, such as {next(_keys(_SECTIONS[name]))}.'
    )
  known = {f.name for f in dataclasses.fields(_SECTIONS[name])}
  for key in values:
    if key not in known:
      raise _unknown(f'{name}.{key}')
  return _SECTIONS[name](**values)


# Settings by the names that earlier releases wrote to config.yaml.
_RENAMED = {
  'train': {
    'top_k': 'ohem_fraction',
    'top_k_ramp_steps': 'ohem_ramp_steps',
  }
}


# What earlier releases did, where they did not have the setting and its default
# is something else.
_BEFORE = {'search': {'decode': 'product'}}


def with_current_names(settings: Mapping[str, Any]) -> dict[str, Any]:
  """Nested settings of any release, by the names that they have now."""
  return {
    section: {
      _RENAMED.get(section, {}).get(name, name): value
      for name, value in values.items()
    }
    if isinstance(values, Mapping)
    else values
    for section, values in settings.items()
  }


def of_run(written: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
  """Every setting of a run, from its config.yaml of any release.

  A setting that the release did not have gets the value by which it acted.
  """
  found = with_current_names(written)
  search = SearchConfig(strategy=_strategy_of(found))
  return {
    section: {
      **values,
      **_BEFORE.get(section, {}),
      **(found.get(section) or {}),
    }
    for section, values in Config(search=search).to_dict().items()
  }


def _strategy_of(settings: Mapping[str, Any]) -> Any:
  """What nested settings choose."""
  search = settings.get('search')
  default = SearchConfig().strategy
  return (
    search.get('strategy', default) if isinstance(search, dict) else default
  )


def load(
  path_or_preset: str,
  overrides: Sequence[str] = (),
  data_dir: str | None = None,
) -> Config:
  """Reads a config: a preset or a YAML file, then `section.key=value` texts.

  Args:
    path_or_preset: A name of `presets.PRESETS`, 'auto' for settings that suit
      the data, or a YAML file; what the file leaves out has its default, and
      what it holds of strategies that are not chosen is checked, not used.
    overrides: Such as 'search.epochs=10'; the value is YAML.
    data_dir: Comes before the data.dir of preset or file; None for that.

  Raises:
    UserError: If there is no such preset or file, or a setting does not fit.
  """
  given: dict[str, dict[str, Any]] = {}
  for override in overrides:
    section, key, value = _parse_override(override)
    given.setdefault(section, {})[key] = value
  if data_dir is not None:
    other = given.setdefault('data', {}).get('dir', data_dir)
    errors.require(
      other == data_dir,
      f'--data_dir={data_dir} and --set=data.dir={other} differ: give one.',
    )
    given['data']['dir'] = data_dir
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
  for name in config_strategies.SECTIONS.keys() - given.keys():
    if name in merged and name != _strategy_of(merged):
      _section(name, merged.pop(name))  # says what is wrong with it
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
  if 'dir' in given.get('data', {}):
    DataConfig(dir=given['data']['dir'])  # says what is wrong with it
  data = fitting.get('data', {})
  if not data.get('dir'):
    raise errors.UserError(
      '--config=auto reads the dataset.json of the data: say where that is'
      f' with --data_dir=DIR, the folder that {commands.name("convert")} wrote.'
    )
  info = dataset_info.DatasetInfo.load(data['dir'], data.get('dataset') or None)
  choice = auto.choose(info, fitting)
  logging.info(
    '--config=auto chose by %s/%s:\n%s',
    data['dir'],
    dataset_info.FILE_NAME,
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
      f'{path} holds {checked_fields.short(settings)}, expected the sections'
      f' {", ".join(_SECTIONS)}.'
    )
  return settings


def key_of(override: str) -> tuple[str, str]:
  """('search', 'epochs') of 'search.epochs=10', whatever is known of it."""
  section, _, key = override.partition('=')[0].strip().partition('.')
  return section, key


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
    if value.strip() in ('', '~') and _is_text(section, name):
      return section, name, value.strip()  # which YAML reads as null
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


def _keys(section: type[checked_fields.Section]) -> Iterator[str]:
  """'search.epochs', ... of one section."""
  return (f'{section.NAME}.{f.name}' for f in dataclasses.fields(section))


def _unknown(key: str) -> errors.UserError:
  """The error for a setting that does not exist, with the nearest that does."""
  if not key.isprintable() or len(key) > 60:
    key = checked_fields.short(key)
  return errors.UserError(f'There is no setting {key}: {_suggestion(key)}')


def _suggestion(key: str) -> str:
  keys = _all_keys()
  last = key.rpartition('.')[-1]
  elsewhere = [known for known in keys if known.rpartition('.')[-1] == last]
  near = elsewhere or difflib.get_close_matches(key, keys, n=1, cutoff=0.6)
  if near:
    return f'did you mean {near[0]}?'
  return f'the sections are {", ".join(_SECTIONS)}.'

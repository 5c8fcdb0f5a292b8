"""What a comparison of strategies is: searches with equal means.

All have the same space, data, protocol, code and processor time; they differ in
the strategy and in the seed. TensorFlow is not imported here.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deeplab_nas import errors, files, safe_json
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.data import dataset_info, shards
from deeplab_nas.run import files as run_files
from deeplab_nas.run import provenance
from deeplab_nas.search import strategies

RANDOM = 'random'
# Settings that make no difference to what is compared.
_FREE = ('data.dir', 'data.cache', 'search.trial_timeout')
_FREE_SECTIONS = ('eval', 'runtime')


class Search(NamedTuple):
  """One of the searches.

  Attributes:
    strategy: Its name.
    seed: Of the search.
  """

  strategy: str
  seed: int

  @property
  def name(self) -> str:
    """Of its folder."""
    return f'{self.strategy}_{self.seed}'


@dataclasses.dataclass(frozen=True)
class Plan:
  """The searches to compare, and how.

  Attributes:
    configs: Settings by strategy, in the order of the table; alike but for what
      is the strategy's own.
    num_searches: Of each strategy, with the seeds 0, 1, ... from
      `runtime.seed` on.
    seconds: Of processors, that each search may take.
    num_seeds: Trainings of each architecture that is compared.
    num_random: Random architectures that are trained as the winners are.
    others: Names of further architectures, such as 'zoo:deeplabv3'.
  """

  configs: Mapping[str, config_lib.Config]
  num_searches: int
  seconds: float
  num_seeds: int
  num_random: int = 0
  others: tuple[str, ...] = ()

  @property
  def config(self) -> config_lib.Config:
    """Of the first strategy: for all that strategies have in common."""
    return next(iter(self.configs.values()))

  @property
  def searches(self) -> list[Search]:
    """All, seed by seed, so that a comparison that is stopped is balanced."""
    first = self.config.runtime.seed
    return [
      Search(strategy, first + i)
      for i in range(self.num_searches)
      for strategy in self.configs
    ]

  @property
  def final_steps(self) -> int:
    """Of a training of what is compared, as the settings of a training say."""
    train = self.config.train
    if train.steps_per_epoch is not None:
      return train.epochs * train.steps_per_epoch
    data = self.config.data
    count = sum(shards.counts(data.dir, data.train_split).values())
    count -= round(data.held_out_fraction * count)
    return train.epochs * max(1, count // data.batch_size)

  def config_of(self, search: Search) -> config_lib.Config:
    """The settings of a search; a relaxed one finds its length itself."""
    config = self.configs[search.strategy]
    return dataclasses.replace(
      config,
      search=dataclasses.replace(
        config.search,
        budget=f'{self.seconds:.3f}s',
        budget_clock='processor',
        num_trials=None,
        final_seeds=0,
      ),
      runtime=dataclasses.replace(config.runtime, seed=search.seed),
    )


def build(
  path_or_preset: str,
  overrides: Sequence[str],
  data_dir: str | None,
  names: Sequence[str],
  **values: Any,
) -> Plan:
  """Reads the settings of each strategy.

  Args:
    path_or_preset: See `config.load`.
    overrides: Likewise; of the sections that are a strategy's own, it alone
      gets them.
    data_dir: Likewise.
    names: Of strategies.
    **values: The other attributes of `Plan`.

  Raises:
    UserError: If there is no such strategy, or a setting does not fit.
  """
  errors.require(
    len(set(names)) == len(names) and bool(names),
    f'--strategies is {",".join(names)}: name each strategy once, such as'
    ' --strategies=random,halving.',
  )
  _check(overrides, names)
  configs = {}
  for name in names:
    own = strategies.entry(name).section
    chosen = [
      text
      for text in overrides
      if config_lib.key_of(text)[0] == own
      or config_lib.key_of(text)[0] not in config_strategies.SECTIONS
    ]
    chosen.append(f'search.strategy={name}')
    configs[name] = config_lib.load(path_or_preset, chosen, data_dir)
  plan = Plan(configs, **values)
  for name, config in configs.items():
    errors.require(
      name != config.esnac.NAME or bool(config.train.init_from),
      f'{name} compresses a trained network: say which with'
      ' --set=train.init_from=RUN, the run folder of its training, or leave it'
      ' out of --strategies.',
    )
  for search in plan.searches:
    plan.config_of(search)  # says whether its seed and budget fit
  errors.require(
    plan.config.data.held_out_fraction > 0 or bool(plan.config.data.val_split),
    'There are no images that nothing has seen: set data.held_out_fraction, or'
    ' data.val_split.',
  )
  return plan


def _check(overrides: Sequence[str], names: Sequence[str]) -> None:
  """Refuses settings that are none of a comparison, or of nobody in it."""
  for name in names:
    strategies.entry(name)  # says which there are
  for text in overrides:
    errors.require(
      config_lib.key_of(text) not in _OURS,
      f'--set={text} is what the comparison sets for all searches: use its own'
      ' flags.',
    )
    errors.require(
      any(_is_read(text, name) for name in names),
      f'--set={text} is of a strategy that is not compared: add it to'
      ' --strategies, or leave the setting out.',
    )


def _is_read(override: str, strategy: str) -> bool:
  """Whether a setting is that strategy's, or of all."""
  section, key = config_lib.key_of(override)
  if section in config_strategies.SECTIONS:
    return section == strategies.entry(strategy).section
  search = config_lib.SearchConfig(strategy=strategy)
  if section != search.NAME or not hasattr(search, key):
    return True  # what does not exist is named when settings are loaded
  return search.reads(key)


_OURS = {
  ('search', 'strategy'),
  ('search', 'budget'),
  ('search', 'budget_clock'),
  ('search', 'num_trials'),
  ('search', 'final_seeds'),
}


def facts(plan: Plan) -> dict[str, Any]:
  """What all sessions of a comparison have in common, in types that JSON knows.

  Strategies, searches, seeds and architectures may become more from one
  session to the next, so they are not in it.
  """
  data = plan.config.data
  shared = _settings(plan.config.to_dict())
  for section in config_strategies.SECTIONS:
    shared = {
      k: v for k, v in shared.items() if not k.startswith(section + '.')
    }
  shared.pop('search.strategy', None)
  return {
    'budget': plan.seconds,
    'code': provenance.code(),
    'data': f'{dataset_info.digest(data.dir)}, {_sizes(data)}',
    'first seed': plan.config.runtime.seed,
    **shared,
    **{
      f'{section}.{key}': value
      for name, config in plan.configs.items()
      if (section := strategies.entry(name).section)
      in config_strategies.SECTIONS
      for key, value in config.to_dict()[section].items()
    },
  }


def keep(path: pathlib.Path, plan: Plan) -> None:
  """Writes the facts of a comparison, or checks those that are there.

  Args:
    path: Of a JSON file.
    plan: What is to be compared.

  Raises:
    UserError: If an earlier session compared something else.
  """
  now = json.loads(json.dumps(facts(plan)))
  remedy = f'{run_files.RESTORE}, or give another --run_dir'
  held = run_files.read(path, safe_json.parse, remedy) if path.is_file() else {}
  for name, value in now.items():
    errors.require(
      held.get(name, value) == value,
      f'{path.parent} compares searches with {name} {held.get(name)}, now it is'
      f' {value}: what differs in that cannot be compared; give what it was, or'
      ' another --run_dir.',
    )
  files.write(path, json.dumps({**held, **now}, indent=1) + '\n')


def _settings(nested: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
  found = {
    f'{section}.{key}': value
    for section, values in nested.items()
    if section not in _FREE_SECTIONS
    for key, value in values.items()
  }
  ours = {'.'.join(each) for each in _OURS}
  return {k: v for k, v in found.items() if k not in _FREE and k not in ours}


def _sizes(data: config_lib.DataConfig) -> str:
  """Bytes of the splits that are read."""
  splits = filter(None, dict.fromkeys((data.train_split, data.val_split)))
  found = shards.splits_in(data.dir)
  sizes = {s: sum(p.stat().st_size for p in found.get(s, [])) for s in splits}
  return ', '.join(f'{size} bytes of {split}' for split, size in sizes.items())

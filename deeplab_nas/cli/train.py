"""`search`, `train` and `eval`: the way from data to a measured network."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

from absl import flags

from deeplab_nas import commands, errors
from deeplab_nas.cli import command
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.config import auto, presets
from deeplab_nas.config import config as config_lib
from deeplab_nas.run import cluster, continuation, lifecycle, stop_signals
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.search import next_training, strategies
from deeplab_nas.search.trials.compression import stem_and_head
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import genotype_source

_MODES = ('search', 'train', 'eval')
_EVAL_SETTINGS = (
  'eval.',
  'data.dir',
  'data.dataset',
  'data.skip_corrupt_records',
  'runtime.',
)
_FOREIGN_FLAGS = {
  'search': ('genotype',),
  'train': (),
  'eval': (
    'config',
    'genotype',
    'init_from',
    'resume',
    'overwrite',
    'dry_run',
  ),
}


def _define(mode: str | None, values: flags.FlagValues) -> None:
  """Defines the flags of a mode; for None those of all, and `--mode`."""
  define = flags_lib.Definer(values)
  foreign = _FOREIGN_FLAGS.get(mode, ())
  if mode is None:
    define.string('mode', 'search', 'What to do: search, train or eval.')
  if 'config' not in foreign:
    define.path(
      'config',
      None,
      '\n'.join(
        [
          'A YAML file, or a preset:',
          'auto: Settings that suit the data, by its dataset.json, and why.',
          *(
            f'{name}: {preset.description}'
            for name, preset in presets.PRESETS.items()
          ),
        ]
      ),
    )
  define.multi_string(
    'set', [], 'Changes a setting: section.key=value; may be repeated.'
  )
  define.path(
    'data_dir',
    None,
    'Folder of TFRecord shards; short for --set=data.dir=DIR.',
  )
  define.path('run_dir', None, 'Folder for all that the run writes.')
  if 'genotype' not in foreign:
    define.path(
      'genotype',
      None,
      'What to train: a genotype file, the run folder of a search (of one by'
      ' trials it is as wide as it was tried), or zoo:NAME.',
    )
  if 'init_from' not in foreign:
    define.path(
      'init_from',
      None,
      'Run folder or checkpoint to take weights from, or of a search by esnac'
      ' the training to compress; short for --set=train.init_from=PATH.',
    )
  define.string(
    'distribution',
    None,
    'none, mirrored, multi_worker or tpu; short for'
    ' --set=runtime.distribution=NAME.',
  )
  if 'resume' not in foreign:
    define.boolean('resume', False, 'Continue the run in run_dir.')
    define.boolean('overwrite', False, 'Replace the run in run_dir.')
    define.boolean(
      'dry_run', False, 'Only measure one step of each kind; writes nothing.'
    )
  define.boolean('print_config', False, 'Only print all settings as YAML.')


def _run_script(values: flags.FlagValues, argv: Sequence[str]) -> None:
  """What scripts/train.py does, whose mode is a flag."""
  mode = values.mode
  if mode not in _MODES:
    raise errors.UserError(
      f'--mode={mode} is unknown: use one of {", ".join(_MODES)}.'
    )
  for name in _FOREIGN_FLAGS[mode]:
    if values[name].value:
      raise errors.UserError(f'--mode={mode} takes no --{name}: leave it out.')
  _run(mode, values, argv)


def _run(mode: str, values: flags.FlagValues, argv: Sequence[str]) -> None:
  tensorflow_setup.silence()
  if mode == 'eval':
    _eval(values)
    return
  config = _config(values)
  if mode == 'search':
    _require_read(config, values['set'].value)
  if values.print_config:
    print(config.to_yaml(), end='')
    return
  if mode == 'search' and values.init_from:
    errors.require(
      config.search.strategy == config.esnac.NAME,
      'A search takes --init_from to compress that network, which'
      f' search.strategy=esnac does: search.strategy is'
      f' {config.search.strategy}. Set it, or leave --init_from out.',
    )
  genotype = _genotype(values) if mode == 'train' else None
  lifecycle.check_data(config.data, *lifecycle.splits(config.data))
  if genotype is None:
    config = stem_and_head.narrowed(config)
  if values.dry_run:
    _dry_run(config, genotype)
    return
  started = lifecycle.started(
    config,
    values.run_dir,
    mode,
    argv,
    values.resume,
    values.overwrite,
    with_tensorflow=genotype is not None or not _trains_elsewhere(config),
  )
  with stop_signals.StopSignals(), started as (run, config):
    if genotype is None:
      from deeplab_nas.search import run as search_run

      search_run.run(config, run, resume=values.resume)
    else:
      from deeplab_nas.train import train_run

      train_run.run(config, genotype, run, resume=values.resume)
    if cluster.is_chief(config.runtime):
      print(run.summary.read_text('utf-8'), end='')


def _trains_elsewhere(config: config_lib.Config) -> bool:
  """Whether a search computes in processes of its own alone."""
  return strategies.is_by_trials(config.search.strategy)


def _config(values: flags.FlagValues) -> config_lib.Config:
  if values.config is None:
    raise errors.UserError(
      'Choose the settings with --config=FILE or one of the presets'
      f' {", ".join((auto.NAME, *presets.PRESETS))}.'
    )
  overrides = [*_tried_width(values), *values['set'].value]
  config = config_lib.load(values.config, overrides, values.data_dir)
  return _with_flags(config, values)


def _require_read(config: config_lib.Config, overrides: Sequence[str]) -> None:
  """Refuses settings of the search that its strategy would not read."""
  for override in overrides:
    section, key = config_lib.key_of(override)
    if section == config.search.NAME:
      config.search.require_reads(key)
    elif section == config.space.NAME and _trains_elsewhere(config):
      errors.require(
        key not in config.space.OF_SUPERNET,
        f'space.{key} is of a supernet, which search.strategy='
        f'{config.search.strategy} does not have: its trials are as wide as'
        ' search.trial_budget allows. Leave it out.',
      )


def _tried_width(values: flags.FlagValues) -> list[str]:
  """The width of what is trained, if a search by trials tried it at one."""
  setting = 'network.filter_multiplier'
  given = any(text.strip().startswith(setting) for text in values['set'].value)
  folder = values['genotype'].value if 'genotype' in values else None
  width = None if given or not folder else next_training.width(folder)
  return [] if width is None else [f'{setting}={width:g}']


def _with_flags(
  config: config_lib.Config, values: flags.FlagValues
) -> config_lib.Config:
  """The settings, with those that have flags of their own."""
  for name, section, key in (
    ('init_from', 'train', 'init_from'),
    ('distribution', 'runtime', 'distribution'),
  ):
    value = values[name].value if name in values else None
    if value is not None:
      changed = dataclasses.replace(getattr(config, section), **{key: value})
      config = dataclasses.replace(config, **{section: changed})
  return config


def _genotype(values: flags.FlagValues) -> genotype_lib.Genotype:
  if values.genotype is None:
    raise errors.UserError(
      'Say what to train with --genotype=FILE, the genotype.json of a search,'
      ' or --genotype=zoo:NAME.'
    )
  return genotype_source.read(values.genotype)


def _dry_run(
  config: config_lib.Config, genotype: genotype_lib.Genotype | None
) -> None:
  if config.runtime.distribution != 'none':
    raise errors.UserError(
      '--dry_run measures one device: add --distribution=none, and set'
      ' data.batch_size to the images of one.'
    )
  if genotype is not None or not _trains_elsewhere(config):
    tensorflow_setup.prepare(config.runtime, genotype is not None)
  with lifecycle.readable(config, lifecycle.splits(config.data)) as config:
    if genotype is None:
      from deeplab_nas.search import run as search_run

      estimate = search_run.dry_run(config)
    else:
      from deeplab_nas.train import train_run

      estimate = train_run.dry_run(config, genotype)
  print(estimate.to_text())


def _eval(values: flags.FlagValues) -> None:
  """Measures a trained network, with the settings of its training."""
  if values.run_dir is None:
    raise errors.UserError(
      'Say which training to evaluate with --run_dir=DIR, its run folder.'
    )
  run = run_directory.RunDirectory(values.run_dir)
  continuation.check_is_training(run)
  config = _eval_config(run, values)
  if values.print_config:
    print(config.to_yaml(), end='')
    return
  split = config.eval.split or config.data.val_split
  if not split:
    raise errors.UserError(
      'The training had no validation split: say what to evaluate on with'
      ' --set=eval.split=NAME.'
    )
  lifecycle.check_data(config.data, split)
  tensorflow_setup.prepare(config.runtime)
  from deeplab_nas.train import eval_run, eval_summary

  remedy = (
    f'lower eval.scales, or segment in tiles with {commands.name("predict")}'
    ' --tile=513'
  )
  with (
    stop_signals.StopSignals(),
    cluster.naming_lost_worker(config.runtime),
    lifecycle.readable(config, [split], remedy) as readable,
  ):
    found = eval_run.run(run, config, readable.data.dir)
  if found.folder is not None:
    print(eval_summary.summarize(run, config, found))


def _eval_config(
  run: run_directory.RunDirectory, values: flags.FlagValues
) -> config_lib.Config:
  """The settings of a training with those that an evaluation may change."""
  for setting in values['set'].value:
    if not setting.startswith(_EVAL_SETTINGS):
      raise errors.UserError(
        f'--set={setting} would change the training: {commands.name("eval")}'
        f' takes settings that start with {", ".join(_EVAL_SETTINGS)}.'
      )
  # The training may have had other devices.
  settings = ['runtime.distribution=none', *values['set'].value]
  config = _with_flags(
    config_lib.load(str(run.config), settings, values.data_dir), values
  )
  cluster.is_chief(config.runtime)  # refuses workers without a cluster
  return config


_SEARCH_EXAMPLE = (
  'search',
  '--config=quickstart',
  '--data_dir=street_scenes_tfrecord',
  '--run_dir=runs/search',
)
_TRAIN_EXAMPLE = (
  'train',
  '--config=quickstart',
  '--data_dir=street_scenes_tfrecord',
  '--genotype=runs/search/genotype.json',
  '--run_dir=runs/train',
)
_EVAL_EXAMPLE = ('eval', '--run_dir=runs/train')
_SETTINGS = """
Try it first with --dry_run: a few steps, their time and memory, and what the
whole run would take. --print_config shows every setting; each can be set with
--set=section.key=value.
"""

SCRIPT = command.Command(
  name='search',
  summary='Searches for an architecture, and trains the one that was found.',
  define=functools.partial(_define, None),
  main=_run_script,
  examples=(_SEARCH_EXAMPLE, _TRAIN_EXAMPLE, _EVAL_EXAMPLE),
  text=_SETTINGS,
  setting_named=config_lib.setting_named,
)
SEARCH = dataclasses.replace(
  SCRIPT,
  summary='Searches for an architecture.',
  define=functools.partial(_define, 'search'),
  main=functools.partial(_run, 'search'),
  examples=(_SEARCH_EXAMPLE,),
)
TRAIN = dataclasses.replace(
  SCRIPT,
  name='train',
  summary='Trains an architecture that was found, or one of the zoo.',
  define=functools.partial(_define, 'train'),
  main=functools.partial(_run, 'train'),
  examples=(_TRAIN_EXAMPLE,),
)
EVAL = dataclasses.replace(
  SCRIPT,
  name='eval',
  summary='Measures a trained network on all images of a split.',
  define=functools.partial(_define, 'eval'),
  main=functools.partial(_run, 'eval'),
  examples=(_EVAL_EXAMPLE,),
  text="""
The settings are those of the training; --set takes those of eval, of the
devices and where the data is.
""",
)

r"""Searches for an architecture, and trains the one that was found.

  python scripts/train.py --mode=search --config=quickstart \
      --data_dir=street_scenes_tfrecord --run_dir=runs/search
  python scripts/train.py --mode=train --config=quickstart \
      --data_dir=street_scenes_tfrecord --run_dir=runs/train \
      --genotype=runs/search/genotype.json

Try both first with --dry_run: a few steps, their time and memory, and what the
whole run would take. `--print_config` shows every setting; each can be set with
--set=section.key=value.
"""

from __future__ import annotations

import dataclasses
import sys

from absl import flags

from deeplab_nas import errors
from deeplab_nas.config import auto, presets
from deeplab_nas.config import config as config_lib
from deeplab_nas.run import cluster, continuation, lifecycle, stop_signals
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.space import genotype_source

FLAGS = flags.FLAGS
flags.DEFINE_string('mode', 'search', 'What to do: search, train or eval.')
flags.DEFINE_string(
  'config',
  None,
  'A YAML file, or a preset: auto: Settings that suit the data, by its'
  ' dataset.json, and why. '
  + ' '.join(
    f'{name}: {preset.description}' for name, preset in presets.PRESETS.items()
  ),
)
flags.DEFINE_multi_string(
  'set', [], 'Changes a setting: section.key=value; may be repeated.'
)
flags.DEFINE_string(
  'data_dir', None, 'Folder of TFRecord shards; short for --set=data.dir=DIR.'
)
flags.DEFINE_string(
  'genotype', None, 'What --mode=train trains: a genotype file, or zoo:NAME.'
)
flags.DEFINE_string(
  'init_from',
  None,
  'Run folder or checkpoint to take weights from; short for'
  ' --set=train.init_from=PATH.',
)
flags.DEFINE_string(
  'distribution',
  None,
  'none, mirrored, multi_worker or tpu; short for'
  ' --set=runtime.distribution=NAME.',
)
flags.DEFINE_string('run_dir', None, 'Folder for all that the run writes.')
flags.DEFINE_boolean('resume', False, 'Continue the run in run_dir.')
flags.DEFINE_boolean('overwrite', False, 'Replace the run in run_dir.')
flags.DEFINE_boolean(
  'dry_run', False, 'Only measure one step of each kind; writes nothing.'
)
flags.DEFINE_boolean('print_config', False, 'Only print all settings as YAML.')

_MODES = ('search', 'train', 'eval')
_EVAL_SETTINGS = (
  'eval.',
  'data.dir',
  'data.dataset',
  'data.skip_corrupt_records',
  'runtime.',
)
_FOREIGN_FLAGS = {
  'search': ('genotype', 'init_from'),
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


def main(_) -> None:
  tensorflow_setup.silence()
  _check_mode()
  if FLAGS.mode == 'eval':
    _eval()
    return
  config = _config()
  if FLAGS.print_config:
    print(config.to_yaml(), end='')
    return
  genotype = _genotype() if FLAGS.mode == 'train' else None
  lifecycle.check_data(config.data, *lifecycle.splits(config.data))
  if FLAGS.dry_run:
    _dry_run(config, genotype)
  elif FLAGS.mode == 'train':
    _train(config, genotype)
  else:
    _search(config)


def _check_mode() -> None:
  if FLAGS.mode not in _MODES:
    raise errors.UserError(
      f'--mode={FLAGS.mode} is unknown: use one of {", ".join(_MODES)}.'
    )
  for name in _FOREIGN_FLAGS[FLAGS.mode]:
    if FLAGS[name].value:
      raise errors.UserError(
        f'--mode={FLAGS.mode} takes no --{name}: leave it out.'
      )


def _config() -> config_lib.Config:
  if FLAGS.config is None:
    raise errors.UserError(
      'Choose the settings with --config=FILE or one of the presets'
      f' {", ".join((auto.NAME, *presets.PRESETS))}.'
    )
  return _with_flags(
    config_lib.load(FLAGS.config, FLAGS['set'].value, FLAGS.data_dir)
  )


def _with_flags(config: config_lib.Config) -> config_lib.Config:
  """The settings, with those that have flags of their own."""
  if FLAGS.init_from is not None:
    train = dataclasses.replace(config.train, init_from=FLAGS.init_from)
    config = dataclasses.replace(config, train=train)
  if FLAGS.distribution is not None:
    runtime_ = dataclasses.replace(
      config.runtime, distribution=FLAGS.distribution
    )
    config = dataclasses.replace(config, runtime=runtime_)
  return config


def _genotype() -> genotype_lib.Genotype:
  if FLAGS.genotype is None:
    raise errors.UserError(
      'Say what to train with --genotype=FILE, the genotype.json of a search,'
      ' or --genotype=zoo:NAME.'
    )
  return genotype_source.read(FLAGS.genotype)


def _dry_run(
  config: config_lib.Config, genotype: genotype_lib.Genotype | None
) -> None:
  if config.runtime.distribution != 'none':
    raise errors.UserError(
      '--dry_run measures one device: add --distribution=none, and set'
      ' data.batch_size to the images of one.'
    )
  tensorflow_setup.prepare(config.runtime)
  with lifecycle.readable(config, lifecycle.splits(config.data)) as config:
    if genotype is None:
      from deeplab_nas.search import run as search_run

      estimate = search_run.dry_run(config)
    else:
      from deeplab_nas.train import train_run

      estimate = train_run.dry_run(config, genotype)
  print(estimate.to_text())


def _started(config: config_lib.Config):
  return lifecycle.started(
    config, FLAGS.run_dir, FLAGS.mode, sys.argv, FLAGS.resume, FLAGS.overwrite
  )


def _search(config: config_lib.Config) -> None:
  with stop_signals.StopSignals(), _started(config) as (run, config):
    from deeplab_nas.search import run as search_run

    search_run.run(config, run, resume=FLAGS.resume)


def _train(config: config_lib.Config, genotype: genotype_lib.Genotype) -> None:
  with stop_signals.StopSignals(), _started(config) as (run, config):
    from deeplab_nas.train import train_run

    train_run.run(config, genotype, run, resume=FLAGS.resume)


def _eval() -> None:
  """Measures a trained network, with the settings of its training."""
  if FLAGS.run_dir is None:
    raise errors.UserError(
      'Say which training to evaluate with --run_dir=DIR, its run folder.'
    )
  run = run_directory.RunDirectory(FLAGS.run_dir)
  continuation.check_is_training(run)
  for setting in FLAGS['set'].value:
    if not setting.startswith(_EVAL_SETTINGS):
      raise errors.UserError(
        f'--set={setting} would change the training: --mode=eval takes'
        f' settings that start with {", ".join(_EVAL_SETTINGS)}.'
      )
  # The training may have had other devices.
  settings = ['runtime.distribution=none', *FLAGS['set'].value]
  config = _with_flags(
    config_lib.load(str(run.config), settings, FLAGS.data_dir)
  )
  cluster.is_chief(config.runtime)  # refuses workers without a cluster
  if FLAGS.print_config:
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
  from deeplab_nas.train import eval_run

  remedy = (
    'lower eval.scales, or segment in tiles with scripts/predict.py --tile=513'
  )
  stop, peers = (
    stop_signals.StopSignals(),
    cluster.naming_lost_worker(config.runtime),
  )
  with stop, peers, lifecycle.readable(config, [split], remedy) as readable:
    eval_run.run(run, config, readable.data.dir)


if __name__ == '__main__':
  errors.run(main, setting_named=config_lib.setting_named)

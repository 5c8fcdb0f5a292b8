r"""Searches for an architecture.

  python scripts/train.py --mode=search --config=quickstart \
      --data_dir=street_scenes_tfrecord --run_dir=runs/first

Try it first with --dry_run: one step of each kind, their time and memory, and
what the whole run would take. `--print_config` shows every setting; each can be
set with --set=section.key=value.
"""

from __future__ import annotations

import dataclasses
import sys

from absl import flags, logging

from deeplab_nas import config as config_lib
from deeplab_nas import errors, presets
from deeplab_nas.data import dataset_info, shards
from deeplab_nas.train import run_directory, runtime

FLAGS = flags.FLAGS
flags.DEFINE_string('mode', 'search', 'What to do; only search so far.')
flags.DEFINE_string(
  'config',
  None,
  'A YAML file, or a preset: '
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
flags.DEFINE_string('run_dir', None, 'Folder for all that the run writes.')
flags.DEFINE_boolean('resume', False, 'Continue the run in run_dir.')
flags.DEFINE_boolean('overwrite', False, 'Remove the run in run_dir first.')
flags.DEFINE_boolean(
  'dry_run', False, 'Only measure one step of each kind; writes nothing.'
)
flags.DEFINE_boolean('print_config', False, 'Only print all settings as YAML.')

_LATER_MODES = ('train', 'eval')


def main(_) -> None:
  runtime.silence()
  _check_mode()
  config = _config()
  if FLAGS.print_config:
    print(config.to_yaml(), end='')
    return
  _check_data(config.data)
  if FLAGS.dry_run:
    _dry_run(config)
  else:
    _search(config)


def _check_mode() -> None:
  if FLAGS.mode in _LATER_MODES:
    raise errors.UserError(
      f'--mode={FLAGS.mode} does not exist yet: only --mode=search does.'
    )
  if FLAGS.mode != 'search':
    raise errors.UserError(
      f'--mode={FLAGS.mode} is unknown: use --mode=search.'
    )


def _config() -> config_lib.Config:
  if FLAGS.config is None:
    raise errors.UserError(
      'Choose the settings with --config=FILE or one of the presets'
      f' {", ".join(presets.PRESETS)}.'
    )
  config = config_lib.load(FLAGS.config, FLAGS['set'].value)
  if FLAGS.data_dir is None:
    return config
  data = dataclasses.replace(config.data, dir=FLAGS.data_dir)
  return dataclasses.replace(config, data=data)


def _check_data(data: config_lib.DataConfig) -> None:
  """Refuses data that is not there before the seconds TensorFlow takes."""
  if not data.dir:
    raise errors.UserError(
      'Say where the data is with --data_dir=DIR: the folder that one of'
      ' datasets/build_*.py wrote.'
    )
  dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
  shards.find(data.dir, data.train_split)


def _dry_run(config: config_lib.Config) -> None:
  runtime.prepare(config.runtime)
  from deeplab_nas.search import search_run

  with runtime.memory_advice():
    print(search_run.dry_run(config).text())


def _search(config: config_lib.Config) -> None:
  if FLAGS.run_dir is None:
    raise errors.UserError(
      'Say where the results go with --run_dir=DIR, such as --run_dir=runs/a.'
    )
  run = run_directory.RunDirectory.create(
    FLAGS.run_dir, FLAGS.resume, FLAGS.overwrite
  )
  run.write_provenance(config, sys.argv)
  logging.info('Writing to %s.', run)
  runtime.prepare(config.runtime)
  from deeplab_nas.search import search_run

  try:
    with runtime.memory_advice():
      search_run.run(config, run, resume=FLAGS.resume)
  except errors.UserError:
    run.discard()
    raise


if __name__ == '__main__':
  errors.run(main)

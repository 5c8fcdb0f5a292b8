"""`import-tf1`: a network of the released TensorFlow 1 code."""

from __future__ import annotations

from collections.abc import Sequence

from absl import flags

from deeplab_nas import errors
from deeplab_nas.cli import command
from deeplab_nas.cli import flags as flags_lib
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.space import genotype_source


def _define(values: flags.FlagValues) -> None:
  define = flags_lib.Definer(values)
  define.path(
    'checkpoint', None, 'Prefix of the checkpoint: its path without .index.'
  )
  define.path(
    'genotype', 'zoo:auto_deeplab', 'Its architecture: zoo:NAME or a file.'
  )
  define.string(
    'dataset', '', 'Its classes: cityscapes, pascal_voc_seg; or --data_dir.'
  )
  define.path(
    'data_dir',
    '',
    'Folder of TFRecord shards with its classes.',
  )
  define.list(
    'aspp_rates', ['12', '24', '36'], 'Atrous rates, not in a checkpoint.'
  )
  define.path('run_dir', None, 'Folder to write.')
  define.boolean('overwrite', False, 'Replace the run in run_dir.')


def _main(values: flags.FlagValues, argv: Sequence[str]) -> None:
  tensorflow_setup.silence()
  for name in ('checkpoint', 'run_dir'):
    if not values[name].value:
      raise errors.UserError(f'--{name} is missing.')
  if not values.dataset and not values.data_dir:
    raise errors.UserError(
      'Say which classes the network has with --dataset=NAME or --data_dir=DIR.'
    )
  genotype = genotype_source.read(values.genotype)
  config = config_lib.Config.from_dict(
    {
      'data': {'dir': values.data_dir, 'dataset': values.dataset},
      'network': {'aspp_rates': _rates(values.aspp_rates)},
    }
  )
  info = _info(values)
  tensorflow_setup.prepare(config.runtime)
  from deeplab_nas.tf1 import run_folder
  from deeplab_nas.tf1 import variables as tf1_checkpoint

  # All that can be refused comes before the folder is touched.
  variables = tf1_checkpoint.read(values.checkpoint)
  imported = run_folder.load(variables, genotype, info, config)
  run = run_directory.RunDirectory.create(
    values.run_dir, overwrite=values.overwrite
  )
  imported.write(run, argv)
  print(f'{len(variables)} variables taken over, in {run}.')


def _info(values: flags.FlagValues) -> dataset_info.DatasetInfo:
  if values.data_dir:
    return dataset_info.DatasetInfo.load(
      values.data_dir, values.dataset or None
    )
  return dataset_info.DatasetInfo.known(values.dataset)


def _rates(texts: list[str]) -> list[int]:
  try:
    return [int(text) for text in texts]
  except ValueError as error:
    raise errors.UserError(
      f'--aspp_rates={",".join(texts)} has to be whole numbers, such as'
      ' 6,12,18.'
    ) from error


IMPORT_TF1 = command.Command(
  name='import-tf1',
  summary='Takes over a network that the released TensorFlow 1 code trained.',
  define=_define,
  main=_main,
  examples=(
    (
      'import-tf1',
      '--checkpoint=train/model.ckpt-30000',
      '--genotype=zoo:auto_deeplab',
      '--dataset=cityscapes',
      '--run_dir=runs/released',
    ),
  ),
  text="""
Width, head and class count are read off the checkpoint. The folder is then like
that of a training: it can be evaluated, exported and predicted with, and
--init_from takes it.
""",
)

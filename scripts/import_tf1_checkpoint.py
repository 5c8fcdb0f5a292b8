r"""Takes over a network that the released TensorFlow 1 code has trained.

  python scripts/import_tf1_checkpoint.py --checkpoint=train/model.ckpt-30000 \
      --genotype=zoo:auto_deeplab --dataset=cityscapes --run_dir=runs/released

Width, head and class count are read off the checkpoint. The folder is then like
that of a training: --mode=eval, scripts/predict.py, scripts/export_model.py and
--init_from take it.
"""

from __future__ import annotations

import sys

from absl import flags

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.space import genotype_source

FLAGS = flags.FLAGS
flags.DEFINE_string(
  'checkpoint', None, 'Prefix of the checkpoint: its path without .index.'
)
flags.DEFINE_string(
  'genotype', 'zoo:auto_deeplab', 'Its architecture: zoo:NAME or a file.'
)
flags.DEFINE_string(
  'dataset', '', 'Its classes: cityscapes, pascal_voc_seg; or --data_dir.'
)
flags.DEFINE_string(
  'data_dir',
  '',
  'Folder of TFRecord shards with its classes.',
)
flags.DEFINE_list(
  'aspp_rates', ['12', '24', '36'], 'Atrous rates, not in a checkpoint.'
)
flags.DEFINE_string('run_dir', None, 'Folder to write.')
flags.DEFINE_boolean('overwrite', False, 'Replace the run in run_dir.')


def main(_) -> None:
  tensorflow_setup.silence()
  for name in ('checkpoint', 'run_dir'):
    if not FLAGS[name].value:
      raise errors.UserError(f'--{name} is missing.')
  if not FLAGS.dataset and not FLAGS.data_dir:
    raise errors.UserError(
      'Say which classes the network has with --dataset=NAME or --data_dir=DIR.'
    )
  genotype = genotype_source.read(FLAGS.genotype)
  config = config_lib.Config.from_dict(
    {
      'data': {'dir': FLAGS.data_dir, 'dataset': FLAGS.dataset},
      'network': {'aspp_rates': _rates(FLAGS.aspp_rates)},
    }
  )
  info = _info()
  tensorflow_setup.prepare(config.runtime)
  from deeplab_nas.tf1 import run_folder
  from deeplab_nas.tf1 import variables as tf1_checkpoint

  # All that can be refused comes before the folder is touched.
  variables = tf1_checkpoint.read(FLAGS.checkpoint)
  imported = run_folder.load(variables, genotype, info, config)
  run = run_directory.RunDirectory.create(
    FLAGS.run_dir, overwrite=FLAGS.overwrite
  )
  imported.write(run, sys.argv)
  print(f'{len(variables)} variables taken over, in {run}.')


def _info() -> dataset_info.DatasetInfo:
  if FLAGS.data_dir:
    return dataset_info.DatasetInfo.load(FLAGS.data_dir, FLAGS.dataset or None)
  return dataset_info.DatasetInfo.known(FLAGS.dataset)


def _rates(texts: list[str]) -> list[int]:
  try:
    return [int(text) for text in texts]
  except ValueError as error:
    raise errors.UserError(
      f'--aspp_rates={",".join(texts)} has to be whole numbers, such as'
      ' 6,12,18.'
    ) from error


if __name__ == '__main__':
  errors.run(main)

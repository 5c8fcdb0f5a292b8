"""Trains on one device, then on two, and writes what came of each as JSON.

MODE is search, train, or eval: two measurements of untrained weights, by the
validation of a training and of whole images. MORE is a JSON object of settings.

  python -m tests.train.two_devices MODE DATA_DIR RUN_DIR MORE

The results are RUN_DIR/none/result.json and RUN_DIR/mirrored/result.json.
"""

import json
import os
import sys

import numpy as np
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.report import metrics_log
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.runtime import tensorflow_setup
from deeplab_nas.space import genotype as genotype_lib
from tests.search import draw

EPOCHS = 3
SETTINGS = {
  'space': {'num_layers': 1, 'num_blocks': 1, 'filter_multiplier': 2},
  'search': {
    'epochs': EPOCHS,
    'arch_start_epoch': 1,
    'steps_per_epoch': 5,
    'learning_rate': 2e-3,
    'recalibration_batches': 3,
  },
  'network': {
    'filter_multiplier': 1,
    'aspp_rates': [2],
    'drop_path_keep_prob': 0.6,
  },
  'train': {
    'epochs': EPOCHS,
    'steps_per_epoch': 5,
    'ema_decay': 0.9,
    'learning_rate': 1e-3,
    'recalibration_batches': 3,
  },
}
GENOTYPE = genotype_lib.Genotype(
  (0, 0), ((('prev', 'sep_conv_3x3'), ('prev_prev', 'atrous_conv_3x3')),)
)


def evaluate(config, path):
  from deeplab_nas.evaluate import evaluator, segmenter
  from deeplab_nas.nn.network import folding
  from deeplab_nas.run import devices
  from deeplab_nas.train import train_run
  from tests.evaluate import evaluator_test

  parts = train_run.build(config, GENOTYPE)
  parts.trainer.evaluate(parts.val, verbose=0)
  matrix = parts.trainer.val_metric.total_cm.numpy()
  strategy = devices.strategy(config.runtime)
  with strategy.scope():
    network = folding.fold(parts.trainer.network)
    kernel = network.logits.kernel
    kernel.assign(np.random.default_rng(0).normal(size=kernel.shape))
  images = tf.data.Dataset.from_generator(
    evaluator_test.examples,
    output_signature=(
      tf.TensorSpec([None, None, None, 3], tf.float32),
      tf.TensorSpec([None, None, None], tf.int32),
    ),
  )
  whole = evaluator.evaluate(
    segmenter.Segmenter(network), images, evaluator_test.INFO, strategy=strategy
  )
  os.makedirs(path)
  with open(f'{path}/result.json', 'w') as file:
    json.dump([matrix.tolist(), whole.to_dict()], file)


def train(config, mode, path):
  directory = run_directory.RunDirectory.create(path)
  continuation.start(directory, config, ['test'], mode)
  if mode == 'search':
    from deeplab_nas.search import run as search_run

    search_run.run(config, directory)
  else:
    from deeplab_nas.train import train_run

    train_run.run(config, GENOTYPE, directory)
  reader = tf.train.load_checkpoint(str(directory.checkpoints))
  shapes = reader.get_variable_to_shape_map()
  values = {
    name: np.asarray(reader.get_tensor(name), np.float64).ravel().tolist()
    for name in shapes
    if reader.get_variable_to_dtype_map()[name] == tf.float32
  }
  result = {'metrics': metrics_log.read(directory), 'values': values}
  with open(f'{path}/result.json', 'w') as file:
    json.dump(result, file)


def main(mode, data_dir, path, more):
  settings = {
    **SETTINGS,
    'data': {'dir': data_dir, 'crop_size': [33, 33], 'batch_size': 4},
    'runtime': {'cpu_devices': 2},
  }
  settings = draw.merged(settings, json.loads(more))
  tensorflow_setup.prepare(config_lib.Config.from_dict(settings).runtime)
  for distribution in ('none', 'mirrored'):
    settings['runtime']['distribution'] = distribution
    config = config_lib.Config.from_dict(settings)
    tf.keras.backend.clear_session()
    tf.keras.utils.set_random_seed(config.runtime.seed)
    if mode == 'eval':
      evaluate(config, f'{path}/{distribution}')
    else:
      train(config, mode, f'{path}/{distribution}')


if __name__ == '__main__':
  main(*sys.argv[1:])

"""From a TensorFlow 1 checkpoint to a folder that all commands take."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import Genotype, zoo
from deeplab_nas.tf1 import run_folder
from deeplab_nas.train import restore
from tests.nn import released_network

GENOTYPE = Genotype((1, 2), zoo.load('pnasnet5').cell)
IMAGE = np.full([1, 33, 65, 3], 80, np.float32)
CONFIG = config_lib.Config.from_dict({'network': {'aspp_rates': [1, 2]}})


def info(num_classes=3):
  names = tuple(f'class {i}' for i in range(num_classes))
  return dataset_info.DatasetInfo('tiny', names, ((0, 0, 0),) * num_classes)


@pytest.mark.parametrize('separable', [False, True])
def test_the_folder_holds_the_released_network(separable, tmp_path):
  released = released_network.ReleasedNetwork(
    released_network.PNASNET, GENOTYPE.path, 2, 3
  )
  released.separable_head = separable
  expected = released(IMAGE)['logits']
  directory = run_directory.RunDirectory.create(tmp_path / 'run[1]')
  imported = run_folder.load(released.variables, GENOTYPE, info(), CONFIG)
  imported.write(directory, ['import'])
  source = restore.load(directory)
  assert source.config.network.filter_multiplier == 2
  assert source.config.network.separable_head == separable
  assert source.genotype == GENOTYPE
  logits = source.network.end_points(tf.constant(IMAGE))['logits']
  np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)


def test_other_classes_are_refused():
  released = released_network.ReleasedNetwork(
    released_network.PNASNET, GENOTYPE.path, 2, 3
  )
  released(IMAGE)
  with pytest.raises(errors.UserError, match='logits/semantic/weights'):
    run_folder.load(released.variables, GENOTYPE, info(4), CONFIG)


def test_another_network_is_refused():
  with pytest.raises(errors.UserError, match='it is of another network'):
    run_folder.network_config({'resnet/conv1/weights': IMAGE}, GENOTYPE, (1,))

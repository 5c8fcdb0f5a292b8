"""Paths are those of checkpoints."""

import tensorflow as tf

from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.train import variable_paths
from tests.train import tiny_training


def network():
  return network_lib.build_network(
    tiny_training.GENOTYPE, 1, 3, aspp_rates=(2,), separable_head=True
  )


def test_every_variable_has_one_path():
  built = network()
  paths = variable_paths.by_path(built)
  assert {v.ref() for v in paths.values()} == {v.ref() for v in built.variables}
  assert len(paths) == len(built.variables)
  assert paths['logits/kernel'] is built.logits.kernel
  assert paths['aspp/projection/units/0/norm/gamma'].shape == [256]


def test_two_networks_have_equal_paths():
  shapes = [
    {path: v.shape for path, v in variable_paths.by_path(network()).items()}
    for _ in range(2)
  ]
  assert shapes[0] == shapes[1]


def test_checkpoints_have_the_same(tmp_path):
  built = network()
  shapes = {p: tuple(v.shape) for p, v in variable_paths.by_path(built).items()}
  trainer = tiny_training.trainer(network=built)
  for root in (
    tf.train.Checkpoint(network=built),
    tf.train.Checkpoint(trainer=trainer),
  ):
    prefix = root.write(str(tmp_path / 'checkpoint'))
    stored = variable_paths.in_checkpoint(prefix)
    assert {path: shape for path, (_, shape) in stored.items()} == shapes


def test_a_checkpoint_of_the_network_itself_is_read(tmp_path):
  dense = tf.keras.layers.Dense(2)
  dense.build([None, 3])
  prefix = tf.train.Checkpoint(logits=dense).write(str(tmp_path / 'one'))
  stored = variable_paths.in_checkpoint(prefix)
  assert stored['logits/kernel'][1] == (3, 2)

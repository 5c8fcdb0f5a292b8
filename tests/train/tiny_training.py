"""A training small enough for tests: one layer, one block, made-up batches."""

import numpy as np
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.space import cost, genotype, search_space
from deeplab_nas.train import trainer as trainer_lib

NUM_CLASSES = 3
SIZE = 17
GENOTYPE = genotype.Genotype(
  (0,), ((('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),)
)
OTHER_GENOTYPE = genotype.Genotype(
  (0,), ((('prev', 'sep_conv_5x5'), ('prev_prev', 'skip_connect')),)
)
NETWORK = {
  'filter_multiplier': 1,
  'aspp_rates': [2],
  'batch_norm_momentum': 0.5,
}


class Pixelwise(tf.keras.Model):
  """The interface of `DerivedNetwork`, a pixel at a time; compiles at once."""

  def __init__(self, num_classes=NUM_CLASSES):
    super().__init__()
    self.num_classes = num_classes
    self.drop_path_progress = tf.Variable(0.0, trainable=False)
    self.aspp = tf.keras.Sequential(
      [tf.keras.layers.DepthwiseConv2D(1, use_bias=False)]
    )
    self.hidden = tf.keras.layers.Conv2D(8, 1, use_bias=False)
    self.norm = tf.keras.layers.BatchNormalization(momentum=0.5)
    self.logits = tf.keras.layers.Conv2D(num_classes, 1, dtype='float32')
    self(tf.zeros([1, 1, 1, 3]))

  def call(self, images, training=False):
    x = self.aspp(images / 127.5 - 1)
    x = tf.nn.relu(self.norm(self.hidden(x), training=training))
    return self.logits(x)

  def cost_model(self, image_size):
    """Of the network whose place it takes."""
    space = search_space.SearchSpace.containing(GENOTYPE, 1)
    return cost.CostModel(space, self.num_classes, image_size)


def trainer(
  total_steps=8,
  class_weights=(),
  network=None,
  keeps_statistics=False,
  **settings,
):
  """A `Trainer`; `settings` are those of `TrainConfig`."""
  tf.keras.utils.set_random_seed(0)
  return trainer_lib.Trainer(
    network or Pixelwise(),
    config_lib.TrainConfig(**settings),
    total_steps,
    class_weights,
    keeps_statistics=keeps_statistics,
  )


def batch(seed=0, ignored=0):
  """Images whose colour gives the class; the first rows are ignored."""
  rng = np.random.default_rng(seed)
  labels = rng.integers(NUM_CLASSES, size=[2, SIZE, SIZE])
  images = rng.uniform(0, 60, [2, SIZE, SIZE, 3])
  images += 190 * np.eye(3)[labels]
  labels[:, :ignored] = 255
  return tf.constant(images, tf.float32), tf.constant(labels, tf.int32)


def batches(count=4):
  """A dataset of some batches, again and again."""
  stacked = tf.nest.map_structure(
    lambda *x: tf.stack(x), *[batch(seed) for seed in range(count)]
  )
  return tf.data.Dataset.from_tensor_slices(stacked).repeat()

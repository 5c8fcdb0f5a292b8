"""A score without training or data: how much flows through all weights.

Reference:
  Tanaka et al., Pruning neural networks without any data, Sec. 6,
  https://arxiv.org/abs/2006.05467
  Abdelfattah et al., Zero-cost proxies for lightweight NAS, Sec. 3.2,
  https://arxiv.org/abs/2101.08134, who sum it over the weights of a network
"""

from __future__ import annotations

import dataclasses
import math

import tensorflow as tf

from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.table import protocol as protocol_lib
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.train import build


class Synflow:
  """Scores of networks as the table trains them, at their start.

  Synflow(table.protocol)(genotype)
  """

  def __init__(self, protocol: protocol_lib.Protocol):
    """Takes the protocol, which says how wide networks are."""
    self._config = protocol.config()
    self._widths = protocol.widths()
    self._full = protocol.fidelities[-1]
    self._num_classes = protocol.num_classes

  def __call__(self, genotype: genotype_lib.Genotype) -> float:
    """The log of the sum of |weight * gradient|, of one white image.

    White is 1 after preprocessing; less than 0 would end at the first ReLU.

    All weights count by their absolute values, of one seed.
    """
    tf.keras.utils.set_random_seed(0)
    filters = self._widths.of(strategy.Proposal(genotype, self._full))
    settings = dataclasses.replace(
      self._config.network, filter_multiplier=filters
    )
    network = build.build(settings, genotype, self._num_classes)
    weights = network.trainable_variables
    for weight in weights:
      weight.assign(tf.abs(weight))
    image = tf.fill([1, *self._config.data.crop_size, 3], 255.0)
    with tf.GradientTape() as tape:
      flow = tf.reduce_sum(network(image, training=False))
    gradients = tape.gradient(flow, weights)
    total = sum(
      float(tf.reduce_sum(tf.abs(weight * gradient)))
      for weight, gradient in zip(weights, gradients)
    )
    tf.keras.backend.clear_session()
    return math.log(total)

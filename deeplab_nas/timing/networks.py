"""Networks as they are exported, to be called on an image.

What is timed is an answer of a loaded export to one image: its default
signature, from pixels to classes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from deeplab_nas.evaluate import segmenter as segmenter_lib
from deeplab_nas.nn.kernels import padding, resize
from deeplab_nas.nn.network import folding, winograd
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.nn.network import options as network_options
from deeplab_nas.serving import names, signatures
from deeplab_nas.space import cost, operations
from deeplab_nas.space import genotype as genotype_lib

Call = Callable[[], np.ndarray]


def build(model: cost.CostModel, genotype: genotype_lib.Genotype) -> Call:
  """A network with drawn weights.

  Args:
    model: Space with the width, classes, head and image size.
    genotype: An architecture of the space.

  Returns:
    Answers one image of that size: uint8 [1, H, W].

  Raises:
    ValueError: If the settings do not fit the genotype.
  """
  options = network_options.NetworkOptions(
    aspp_rates=model.aspp_rates,
    separable_head=model.separable_head,
    low_level_stride=model.low_level_stride,
    stem_filters=model.stem_filters,
    head_filters=model.head_filters,
    fold_batch_norm=True,
    winograd_decoder=winograd.pays(),
  )
  network = network_lib.DerivedNetwork(
    model.space, genotype, model.num_classes, options
  )
  for variable in network.trainable_variables:
    if 'bias' in variable.name:  # one of 0 would be left out of the graph
      variable.assign(tf.random.normal(variable.shape, stddev=0.1))
  folding.freeze_small(network)
  return _served(network, model.num_classes, model.image_size)


def build_surroundings(
  op: operations.Operation, image_size: tuple[int, int]
) -> Call:
  """All that an answer needs besides the operations of a network.

  The call, the image's conversion and padding, the resize of the logits to the
  padded image, the crop, and the most probable classes.

  Args:
    op: The resize.
    image_size: Height and width of the image.
  """
  return _served(_Surroundings(op), op.out_channels, image_size)


def is_of_surroundings(
  op: operations.Operation, image_size: tuple[int, int]
) -> bool:
  """Whether it is the last resize of a network, to the size of the image."""
  return op.kind == 'upsample' and all(
    given >= side for given, side in zip((op.height, op.width), image_size)
  )


class _Surroundings(tf.Module):
  """Stands in for a network whose logits are there already.

  Attributes:
    op: The resize of the logits.
    logits: float32 variable [1, h, w, C].
  """

  def __init__(self, op: operations.Operation):
    super().__init__()
    self.op = op
    self.logits = tf.Variable(
      tf.random.normal([1, *op.input_size, op.in_channels])
    )

  def __call__(self, images: tf.Tensor, training: bool = False) -> tf.Tensor:
    size = tf.shape(images)
    spare = [self.op.height - size[1], self.op.width - size[2]]
    images = images / 127.5 - 1
    padded = tf.pad(images, [[0, 0], *([0, n] for n in spare), [0, 0]])
    # Of the image, so that it is not left out.
    logits = self.logits + 1e-6 * padded[0, 0, 0, 0]
    resized = resize.bilinear(logits, [self.op.height, self.op.width])
    return padding.crop(resized, images)


def _served(
  network: tf.Module, num_classes: int, image_size: tuple[int, int]
) -> Call:
  """Answers one image by the default signature."""
  model = signatures.ServedModel(segmenter_lib.Segmenter(network), num_classes)
  function = model.functions()[names.DEFAULT_SIGNATURE]
  pixels = np.random.default_rng(0).integers(256, size=[1, *image_size, 3])
  image = tf.constant(pixels, tf.uint8)

  def answer() -> np.ndarray:
    assert network  # held on to: a function alone does not keep its variables
    return function(**{names.IMAGES: image})[names.CLASSES].numpy()

  return answer

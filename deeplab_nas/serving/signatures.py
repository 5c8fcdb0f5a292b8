"""What an exported model answers: its signatures, as one `tf.Module`.

| signature         | input                          | outputs                 |
|-------------------|--------------------------------|-------------------------|
| `serving_default` | `images`: uint8 [B, H, W, 3]   | `classes`, and on       |
|                   |                                | request `probabilities` |
|                   |                                | and `mask_png_bytes`    |
| `serving_bytes`   | `image_bytes`: string [B]      | the same and `sizes`    |
| `serving_png`     | `image_bytes`: string [B]      | `mask_png_bytes` alone; |
|                   |                                | there if requested      |

Reference:
  https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/api_rest.md
  (an output named `*_bytes` travels in base64)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from deeplab_nas.data import example_schema
from deeplab_nas.evaluate import segmenter as segmenter_lib
from deeplab_nas.serving import names

# Fills `classes` beside images that are smaller than others of their batch.
PADDING_CLASS = 255


class ServedModel(tf.Module):
  """The functions that a SavedModel keeps, and nothing else.

      model = ServedModel(segmenter, num_classes=19)
      tf.saved_model.save(model, path, model.functions())

  The segmenter is not an attribute: saving would write all functions of its
  Keras layers, those for training included.

  Attributes:
    scores: uint8 [B, H, W, 3] -> float32 [B, H, W, C], largest where the class
      is most probable: logits, or probabilities where several are averaged. All
      else calls it, so a file holds the network once.
    probabilities: uint8 [B, H, W, 3] -> float32 [B, H, W, C].
  """

  def __init__(
    self,
    segmenter: segmenter_lib.Segmenter,
    num_classes: int,
    outputs: Sequence[str] = (names.CLASSES,),
  ):
    super().__init__(name='served_model')
    self._outputs = names.check_outputs(outputs)
    self._num_classes = num_classes
    images = tf.TensorSpec([None, None, None, 3], tf.uint8, names.IMAGES)
    self._has_logits = not _averages(segmenter)

    def scores(images):
      images = _checked(images)
      if self._has_logits:
        found = segmenter.network(tf.cast(images, tf.float32), training=False)
      else:
        found = segmenter.probabilities(images)
      return tf.ensure_shape(found, [None, None, None, num_classes])

    # Concrete ones: to save another one traces the network once more.
    self.scores = _function(scores, images)
    self.probabilities = _function(
      lambda images: self._probabilities(self.scores(images)), images
    )
    self.weights = list(self.scores.variables)

  def functions(self) -> dict[str, Any]:
    """Concrete functions by the name of their signature."""
    images = tf.TensorSpec([None, None, None, 3], tf.uint8, names.IMAGES)
    contents = tf.TensorSpec([None], tf.string, names.IMAGE_BYTES)
    found = {
      names.DEFAULT_SIGNATURE: _function(self._of_images, images),
      names.BYTES_SIGNATURE: _function(self._of_bytes, contents),
    }
    if names.MASK_PNG in self._outputs:
      found[names.PNG_SIGNATURE] = _function(self._png_of_bytes, contents)
    return found

  def _probabilities(self, scores: tf.Tensor) -> tf.Tensor:
    return tf.nn.softmax(scores) if self._has_logits else scores

  def _of_images(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
    scores = self.scores(images)  # [B, H, W, C]
    classes = _classes(scores)  # [B, H, W]
    found = {names.CLASSES: classes}
    if names.PROBABILITIES in self._outputs:
      found[names.PROBABILITIES] = self._probabilities(scores)
    if names.MASK_PNG in self._outputs:
      found[names.MASK_PNG] = tf.map_fn(
        _png, classes, fn_output_signature=tf.TensorSpec([], tf.string)
      )
    return {name: found[name] for name in self._outputs}

  def _of_bytes(self, contents: tf.Tensor) -> dict[str, tf.Tensor]:
    found = self._map_images(contents, self._outputs)
    paddings = {names.CLASSES: PADDING_CLASS, names.PROBABILITIES: 0}
    for name in paddings.keys() & found.keys():
      found[name] = found[name].to_tensor(paddings[name])
    return found

  def _png_of_bytes(self, contents: tf.Tensor) -> dict[str, tf.Tensor]:
    found = self._map_images(contents, (names.MASK_PNG,))
    return {names.MASK_PNG: found[names.MASK_PNG]}

  def _map_images(
    self, contents: tf.Tensor, outputs: Sequence[str]
  ) -> dict[str, tf.Tensor | tf.RaggedTensor]:
    """Segments files one at a time, since their sizes may differ.

    Each mask is what its image gets alone, and memory does not grow with the
    batch.

    Args:
      contents: string [B]. JPEG or PNG files.
      outputs: Names of the results wanted beside `sizes`.
    """
    row_types = {
      names.CLASSES: tf.RaggedTensorSpec([None, None], tf.uint8),
      names.PROBABILITIES: tf.RaggedTensorSpec(
        [None, None, self._num_classes], tf.float32, ragged_rank=1
      ),
      names.MASK_PNG: tf.TensorSpec([], tf.string),
      names.SIZES: tf.TensorSpec([2], tf.int32),
    }
    wanted = (*outputs, names.SIZES)

    def segment(file):
      image = example_schema.decode_image(file)  # [H, W, 3]
      scores = self.scores(image[tf.newaxis])[0]  # [H, W, C]
      classes = _classes(scores)  # [H, W]
      found = {names.SIZES: tf.shape(image)[:2]}
      if names.CLASSES in wanted:
        found[names.CLASSES] = tf.RaggedTensor.from_tensor(classes)
      if names.PROBABILITIES in wanted:
        found[names.PROBABILITIES] = tf.RaggedTensor.from_tensor(
          self._probabilities(scores)
        )
      if names.MASK_PNG in wanted:
        found[names.MASK_PNG] = _png(classes)
      return found

    return tf.map_fn(
      segment,
      contents,
      parallel_iterations=1,
      fn_output_signature={x: row_types[x] for x in wanted},
    )


def _function(function, spec: tf.TensorSpec):
  traced = tf.function(function, input_signature=[spec], autograph=False)
  return traced.get_concrete_function()


def _checked(images: tf.Tensor) -> tf.Tensor:
  """Refuses images without pixels: encoding a PNG would end the process."""
  has_pixels = tf.reduce_all(tf.shape(images) > 0)
  message = 'The images have no pixels.'
  with tf.control_dependencies([tf.debugging.Assert(has_pixels, [message])]):
    return tf.identity(images)


def _averages(segmenter: segmenter_lib.Segmenter) -> bool:
  """Whether there is more than the network at the size of the images."""
  scales = (segmenter.image_scale, *segmenter.scales)
  return segmenter.flip or scales != (1, 1)


def _classes(scores: tf.Tensor) -> tf.Tensor:
  """As `Segmenter.classes`: uint8 [...] of float32 [..., C]."""
  return tf.cast(tf.argmax(scores, -1, tf.int32), tf.uint8)


def _png(classes: tf.Tensor) -> tf.Tensor:
  """A grey PNG of class indices, string [], of uint8 [H, W]."""
  return tf.io.encode_png(classes[..., tf.newaxis])

"""A TFLite model of one fixed image size, for devices; float32 inside.

Reference:
  https://www.tensorflow.org/lite/models/convert
"""

from __future__ import annotations

import pathlib
import warnings

import numpy as np
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import street_scenes
from deeplab_nas.evaluate import segmenter as segmenter_lib
from deeplab_nas.runtime import quiet
from deeplab_nas.serving import comparison, error_text, names

FILE = 'assets.extra/segmenter.tflite'


def export(
  segmenter: segmenter_lib.Segmenter,
  reference: segmenter_lib.Segmenter,
  path: pathlib.Path,
  size: tuple[int, int],
) -> comparison.Comparison:
  """Writes uint8 [1, H, W, 3] -> `classes` uint8 and `probabilities`.

  Args:
    segmenter: The model, batch norm folded.
    reference: The model to compare with.
    path: File to write.
    size: (height, width) of the images.
  """
  content = _converted(segmenter, size)
  path.parent.mkdir(exist_ok=True)
  path.write_bytes(content)
  image, _ = street_scenes.draw(np.random.default_rng(1), *size)
  compared = _compare(content, reference, image)
  compared.require_equality()
  return compared


def run(content: bytes, images: np.ndarray) -> dict[str, np.ndarray]:
  """The outputs of a TFLite model for uint8 [1, H, W, 3]."""
  with warnings.catch_warnings():
    # That it will move to another package one day.
    warnings.filterwarnings('ignore', r'\s*Warning: tf\.lite\.Interpreter is')
    interpreter = tf.lite.Interpreter(model_content=content)
  runner = interpreter.get_signature_runner(names.DEFAULT_SIGNATURE)
  return runner(**{names.IMAGES: images})


def _converted(
  segmenter: segmenter_lib.Segmenter, size: tuple[int, int]
) -> bytes:
  spec = tf.TensorSpec([1, *size, 3], tf.uint8, names.IMAGES)

  def segment(images):
    probabilities = segmenter.probabilities(images)  # [1, H, W, C]
    classes = tf.argmax(probabilities, -1, tf.int32)
    return {
      names.CLASSES: tf.cast(classes, tf.uint8),  # [1, H, W]
      names.PROBABILITIES: probabilities,
    }

  function = tf.function(segment, input_signature=[spec], autograph=False)
  module = tf.Module()
  module.weights = list(function.get_concrete_function().variables)
  module.segment = function
  converter = tf.lite.TFLiteConverter.from_concrete_functions(
    [function.get_concrete_function()], module
  )
  converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
  try:
    with quiet.no_notes(), quiet.no_output():
      return converter.convert()
  except Exception as error:
    raise errors.UserError(
      'TFLite cannot express this model'
      f' ({error_text.reason(str(error))}): it has no operation for scales'
      ' other than 1.'
    ) from error


def _compare(
  content: bytes, reference: segmenter_lib.Segmenter, image: np.ndarray
) -> comparison.Comparison:
  images = image[np.newaxis]  # [1, H, W, 3]
  expected = reference.probabilities(tf.constant(images)).numpy()
  found = run(content, images)
  difference = np.abs(found[names.PROBABILITIES] - expected).max()
  same = comparison.is_best(found[names.CLASSES], expected)
  return comparison.Comparison(1, same.size, float(difference), same.mean())

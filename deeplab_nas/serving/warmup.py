"""Requests that TF Serving replays when it loads a model.

Without them the first request waits for what TensorFlow sets up lazily.

Reference:
  https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/saved_model_warmup.md
"""

from __future__ import annotations

import os
import pathlib

import numpy as np
import tensorflow as tf

from deeplab_nas.data import street_scenes
from deeplab_nas.serving import names

# Name and place are TF Serving's.
FOLDER = 'assets.extra'
FILE = 'tf_serving_warmup_requests'


def write(
  version_dir: str | os.PathLike,
  signature_names: list[str],
  size: tuple[int, int],
  model_name: str,
) -> None:
  """Writes one request for each signature.

  Args:
    version_dir: A SavedModel's folder.
    signature_names: The signatures to warm up.
    size: (height, width) of the image in the requests.
    model_name: The name that the model is served by.
  """
  from tensorflow_serving.apis import prediction_log_pb2

  folder = pathlib.Path(version_dir) / FOLDER
  folder.mkdir(exist_ok=True)
  image, _ = street_scenes.draw(np.random.default_rng(0), *size)
  inputs = {
    names.IMAGES: image[np.newaxis],
    names.IMAGE_BYTES: [tf.io.encode_jpeg(image).numpy()],
  }
  with tf.io.TFRecordWriter(os.fspath(folder / FILE)) as writer:
    for name in signature_names:
      key = (
        names.IMAGES if name == names.DEFAULT_SIGNATURE else names.IMAGE_BYTES
      )
      log = prediction_log_pb2.PredictionLog()
      request = log.predict_log.request
      request.model_spec.name = model_name
      request.model_spec.signature_name = name
      request.inputs[key].CopyFrom(tf.make_tensor_proto(inputs[key]))
      writer.write(log.SerializeToString())


def replay(version_dir: str | os.PathLike, loaded: tf.Module) -> list[str]:
  """Sends the requests to a loaded model, as TF Serving does.

  Returns:
    The signatures that answered.
  """
  from tensorflow_serving.apis import prediction_log_pb2

  path = pathlib.Path(version_dir) / FOLDER / FILE
  answered = []
  for record in tf.data.TFRecordDataset(os.fspath(path)):
    log = prediction_log_pb2.PredictionLog.FromString(record.numpy())
    request = log.predict_log.request
    name = request.model_spec.signature_name
    inputs = {
      key: tf.constant(tf.make_ndarray(value))
      for key, value in request.inputs.items()
    }
    loaded.signatures[name](**inputs)
    answered.append(name)
  return answered

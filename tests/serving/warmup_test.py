from __future__ import annotations

import tensorflow as tf
from tensorflow_serving.apis import prediction_log_pb2

from deeplab_nas.serving import warmup


def test_requests_parse_and_replay(exported):
  path = exported / 'assets.extra' / 'tf_serving_warmup_requests'
  requests = [
    prediction_log_pb2.PredictionLog.FromString(record).predict_log.request
    for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
  ]
  names = [request.model_spec.signature_name for request in requests]
  assert names == ['serving_default', 'serving_bytes', 'serving_png']
  assert {request.model_spec.name for request in requests} == {'deeplab_nas'}
  images = tf.make_ndarray(requests[0].inputs['images'])
  assert images.shape == (1, 33, 49, 3) and images.std() > 10
  (file,) = tf.make_ndarray(requests[1].inputs['image_bytes'])
  assert tf.io.decode_jpeg(file).shape == (33, 49, 3)

  loaded = tf.saved_model.load(str(exported))
  assert warmup.replay(exported, loaded) == names

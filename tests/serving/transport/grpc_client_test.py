from __future__ import annotations

import concurrent.futures
import contextlib

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from deeplab_nas import errors
from deeplab_nas.serving import reply
from deeplab_nas.serving.transport import grpc_client


class Failing(prediction_service_pb2_grpc.PredictionServiceServicer):
  """Answers every request with the same status."""

  def __init__(self, code):
    self.code = code

  def _fail(self, request, context):
    context.abort(self.code, 'Something happened.\n\t [[{{node a}}]]')

  GetModelMetadata = Predict = _fail


@contextlib.contextmanager
def serving(servicer):
  """The address of a server in this process."""
  pool = concurrent.futures.ThreadPoolExecutor(1)
  unlimited = [('grpc.max_receive_message_length', -1)]  # as TF Serving
  server = grpc.server(pool, options=unlimited)
  prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
    servicer, server
  )
  port = server.add_insecure_port('localhost:0')
  server.start()
  try:
    yield f'localhost:{port}'
  finally:
    server.stop(None)


@pytest.mark.parametrize(
  'code, part',
  [
    (grpc.StatusCode.UNAVAILABLE, 'No TF Serving answers at {} over gRPC'),
    (grpc.StatusCode.NOT_FOUND, "serves no model named 'm'"),
    (grpc.StatusCode.DEADLINE_EXCEEDED, 'within 3 seconds'),
    (grpc.StatusCode.UNIMPLEMENTED, 'does not speak TF Serving over gRPC'),
    (grpc.StatusCode.INTERNAL, 'failed (Something happened)'),
  ],
)
def test_every_failure_has_its_sentence(code, part):
  with serving(Failing(code)) as address:
    client = grpc_client.GrpcClient(address, 'm', 3)
    with pytest.raises(errors.UserError) as caught:
      client.outputs()
    client.close()
  assert part.format(address) in str(caught.value)


def test_a_refusal_is_about_the_image():
  with serving(Failing(grpc.StatusCode.INVALID_ARGUMENT)) as address:
    client = grpc_client.GrpcClient(address, 'm', 3)
    with pytest.raises(reply.RefusedImage, match='^Something happened$'):
      client.predict('serving_bytes', [b''], ['classes'])
    client.close()


def test_outputs_by_signature(server):
  client = grpc_client.GrpcClient(server.grpc_address, 'plain', 9)
  found = {name: sorted(outputs) for name, outputs in client.outputs().items()}
  assert found == {
    'serving_default': ['classes'],
    'serving_bytes': ['classes', 'sizes'],
  }
  client.close()


def test_messages_may_be_larger_than_grpc_allows_by_default():
  mask = np.zeros([1, 2048, 4096], np.uint8)  # 8 MB; the limit is 4 MB

  class Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
    def Predict(self, request, context):
      answer = predict_pb2.PredictResponse()
      answer.outputs['classes'].CopyFrom(tf.make_tensor_proto(mask))
      return answer

  with serving(Servicer()) as address:
    client = grpc_client.GrpcClient(address, 'm', 30)
    found = client.predict('serving_bytes', [bytes(5 << 20)], ['classes'])
    client.close()
  np.testing.assert_array_equal(found['classes'], mask)

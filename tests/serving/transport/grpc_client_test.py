from __future__ import annotations

import concurrent.futures

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

from deeplab_nas import errors
from deeplab_nas.serving import reply
from deeplab_nas.serving.transport import grpc_client


class Failure(grpc.RpcError):
  def __init__(self, code):
    super().__init__()
    self._code = code

  def code(self):
    return self._code

  def details(self):
    return 'Something happened.\n\t [[{{node a}}]]'


@pytest.mark.parametrize(
  'code, part',
  [
    (grpc.StatusCode.UNAVAILABLE, 'No TF Serving answers at h:1 over gRPC'),
    (grpc.StatusCode.NOT_FOUND, "serves no model named 'm'"),
    (grpc.StatusCode.DEADLINE_EXCEEDED, 'within 3 seconds'),
    (grpc.StatusCode.UNIMPLEMENTED, 'does not speak TF Serving over gRPC'),
    (grpc.StatusCode.INTERNAL, r'failed \(Something happened\)'),
  ],
)
def test_failures_are_told(code, part):
  client = grpc_client.GrpcClient('h:1', 'm', 3)

  def fail(*_, **__):
    raise Failure(code)

  client._stub.GetModelMetadata = fail
  with pytest.raises(errors.UserError, match=part):
    client.outputs()
  client.close()


def test_a_refusal_is_about_the_image():
  client = grpc_client.GrpcClient('h:1', 'm', 3)

  def fail(*_, **__):
    raise Failure(grpc.StatusCode.INVALID_ARGUMENT)

  client._stub.Predict = fail
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

  pool = concurrent.futures.ThreadPoolExecutor(1)
  unlimited = [('grpc.max_receive_message_length', -1)]  # as TF Serving
  server = grpc.server(pool, options=unlimited)
  prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
    Servicer(), server
  )
  port = server.add_insecure_port('localhost:0')
  server.start()
  client = grpc_client.GrpcClient(f'localhost:{port}', 'm', 30)
  found = client.predict('serving_bytes', [bytes(5 << 20)], ['classes'])
  np.testing.assert_array_equal(found['classes'], mask)
  client.close()
  server.stop(None)

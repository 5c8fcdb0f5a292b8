from __future__ import annotations

import grpc
import pytest

from deeplab_nas import errors
from deeplab_nas.serving import grpc_client, reply


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

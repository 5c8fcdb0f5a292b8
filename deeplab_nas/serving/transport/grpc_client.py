"""Predict requests to TF Serving over gRPC.

Reference:
  https://github.com/tensorflow/serving/blob/master/tensorflow_serving/apis/prediction_service.proto
"""

from __future__ import annotations

from collections.abc import Sequence

import grpc
import numpy as np
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  predict_pb2,
  prediction_service_pb2_grpc,
)

from deeplab_nas import errors
from deeplab_nas.serving import error_text, names, reply
from deeplab_nas.serving.transport import proxies, tensor_proto

DEFAULT_PORT = 8500
# gRPC's own limit is 4 MB, less than the mask of a large image.
_OPTIONS = (
  ('grpc.max_receive_message_length', -1),
  ('grpc.max_send_message_length', -1),
)


class GrpcClient:
  """Talks protocol buffers to one model.

  Attributes:
    server: 'host:port'.
    model_name: As TF Serving knows it.
  """

  def __init__(self, server: str, model_name: str, timeout: float):
    self.server = server
    self.model_name = model_name
    self._timeout = timeout
    proxy = ('grpc.enable_http_proxy', int(not proxies.is_local(server)))
    self._channel = grpc.insecure_channel(server, (*_OPTIONS, proxy))
    self._stub = prediction_service_pb2_grpc.PredictionServiceStub(
      self._channel
    )

  def outputs(self) -> dict[str, list[str]]:
    """Names of the outputs of each signature."""
    request = get_model_metadata_pb2.GetModelMetadataRequest()
    request.model_spec.name = self.model_name
    request.metadata_field.append('signature_def')
    answer = self._call(self._stub.GetModelMetadata, request)
    found = get_model_metadata_pb2.SignatureDefMap()
    answer.metadata['signature_def'].Unpack(found)
    return {
      name: list(signature.outputs)
      for name, signature in found.signature_def.items()
    }

  def predict(
    self, signature: str, contents: Sequence[bytes], wanted: Sequence[str]
  ) -> dict[str, np.ndarray]:
    """Sends files to a signature with one string input, `image_bytes`.

    Args:
      signature: Its name.
      contents: The files.
      wanted: Outputs to compute and return.
    """
    request = predict_pb2.PredictRequest()
    request.model_spec.name = self.model_name
    request.model_spec.signature_name = signature
    request.output_filter.extend(wanted)
    tensor_proto.fill_strings(request.inputs[names.IMAGE_BYTES], contents)
    answer = self._call(self._stub.Predict, request)
    try:
      return {x: tensor_proto.to_array(answer.outputs[x]) for x in wanted}
    except ValueError as error:
      raise reply.no_serving(self.server, 'gRPC', DEFAULT_PORT) from error

  def close(self) -> None:
    self._channel.close()

  def _call(self, method, request):
    try:
      return method(request, timeout=self._timeout)
    except grpc.RpcError as error:
      raise self._error(error) from error

  def _error(self, error: grpc.RpcError) -> errors.UserError:
    code, text = error.code(), error_text.reason(error.details() or '')
    if code == grpc.StatusCode.UNAVAILABLE:
      return reply.not_there(proxies.described(self.server), text, 'gRPC')
    if code == grpc.StatusCode.NOT_FOUND:
      return reply.model_missing(self.server, self.model_name)
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
      return reply.too_slow(self.server, self._timeout)
    if code == grpc.StatusCode.UNIMPLEMENTED:
      return reply.no_serving(self.server, 'gRPC', DEFAULT_PORT)
    if code == grpc.StatusCode.INVALID_ARGUMENT:
      return reply.RefusedImage(text)
    return reply.server_failed(self.server, text)

"""A stand-in for TF Serving: its gRPC and REST interfaces, in this process.

It follows the official protos and api_rest.md, and answers from SavedModels
that `tf.saved_model.load` read. What it leaves out is what no test needs:
version labels, batching, classify and regress.
"""

from __future__ import annotations

import base64
import concurrent.futures
import http.server
import json
import pathlib
import re
import threading

import grpc
import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow_serving.apis import (
  get_model_metadata_pb2,
  predict_pb2,
  prediction_service_pb2_grpc,
)

from deeplab_nas.serving import graph_ops

DEFAULT_SIGNATURE = 'serving_default'


class RequestError(Exception):
  """An error with its gRPC code; REST has a status of its own for each."""

  def __init__(self, code: grpc.StatusCode, message: str):
    super().__init__(message)
    self.code = code
    self.message = message


class Model:
  """One loaded version."""

  def __init__(self, path: pathlib.Path):
    self.version = int(path.name)
    self.loaded = tf.saved_model.load(str(path))
    self.signature_defs = graph_ops.signatures(path)

  def run(self, name, inputs):
    """Outputs by name, tensors, of inputs by name, TensorProtos."""
    name = name or DEFAULT_SIGNATURE
    if name not in self.signature_defs:
      raise RequestError(
        grpc.StatusCode.INVALID_ARGUMENT,
        f'Serving signature name: "{name}" not found in signature def',
      )
    if set(inputs) != set(self.signature_defs[name].inputs):
      raise RequestError(
        grpc.StatusCode.INVALID_ARGUMENT,
        f'input keys {sorted(inputs)} do not fit the signature',
      )
    try:
      tensors = {k: tf.constant(tf.make_ndarray(v)) for k, v in inputs.items()}
      return self.loaded.signatures[name](**tensors)
    except tf.errors.InvalidArgumentError as error:
      raise RequestError(
        grpc.StatusCode.INVALID_ARGUMENT, error.message
      ) from error


class ModelServer:
  """Serves models on two free ports of this machine.

  Attributes:
    grpc_address: 'localhost:port'.
    rest_address: The same for REST.
    requests: (protocol, signature, outputs asked for) of each prediction.
  """

  def __init__(self, paths: dict[str, pathlib.Path]):
    self.models = {name: Model(path) for name, path in paths.items()}
    self.requests = []
    self._pool = concurrent.futures.ThreadPoolExecutor(2)
    self._grpc = grpc.server(self._pool)
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(
      _Servicer(self), self._grpc
    )
    self.grpc_address = f'localhost:{self._grpc.add_insecure_port("[::]:0")}'
    handler = type('Handler', (_RestHandler,), {'serving': self})
    self._rest = http.server.ThreadingHTTPServer(('localhost', 0), handler)
    self.rest_address = f'localhost:{self._rest.server_port}'

  def __enter__(self):
    self._grpc.start()
    threading.Thread(target=self._rest.serve_forever, daemon=True).start()
    return self

  def __exit__(self, *_):
    self._grpc.stop(None)
    self._rest.shutdown()
    self._rest.server_close()
    self._pool.shutdown()

  def model(self, name):
    if name not in self.models:
      raise RequestError(
        grpc.StatusCode.NOT_FOUND,
        f'Servable not found for request: Latest({name})',
      )
    return self.models[name]


class _Servicer(prediction_service_pb2_grpc.PredictionServiceServicer):
  def __init__(self, serving):
    self._serving = serving

  def Predict(self, request, context):
    spec = request.model_spec
    try:
      found = self._serving.model(spec.name).run(
        spec.signature_name, request.inputs
      )
    except RequestError as error:
      context.abort(error.code, error.message)
    wanted = list(request.output_filter) or list(found)
    self._serving.requests.append(('grpc', spec.signature_name, sorted(wanted)))
    answer = predict_pb2.PredictResponse()
    answer.model_spec.CopyFrom(spec)
    for name in wanted:
      answer.outputs[name].CopyFrom(_as_field(found[name]))
    return answer

  def GetModelMetadata(self, request, context):
    try:
      model = self._serving.model(request.model_spec.name)
    except RequestError as error:
      context.abort(error.code, error.message)
    return _metadata(request.model_spec.name, model)


class _RestHandler(http.server.BaseHTTPRequestHandler):
  serving: ModelServer

  def log_message(self, *_):
    pass

  def do_GET(self):
    match = re.fullmatch(r'/v1/models/([^/:]+)(/metadata)?', self.path)
    self._answer(lambda: self._describe(match))

  def do_POST(self):
    match = re.fullmatch(
      r'/v1/models/([^/:]+)(?:/versions/\d+)?:predict', self.path
    )
    body = self.rfile.read(int(self.headers['Content-Length']))
    self._answer(lambda: self._predict(match, body))

  def _describe(self, match):
    model = self.serving.model(_name(match))
    if match[2]:
      message = _metadata(match[1], model)
      return json_format.MessageToDict(
        message, preserving_proto_field_name=True
      ) | {'metadata': {'signature_def': _signature_json(model)}}
    status = {'error_code': 'OK', 'error_message': ''}
    state = {'state': 'AVAILABLE', 'status': status}
    return {'model_version_status': [{'version': str(model.version), **state}]}

  def _predict(self, match, body):
    model = self.serving.model(_name(match))
    try:
      request = json.loads(body)
      name = request.get('signature_name', DEFAULT_SIGNATURE)
      is_row = 'instances' in request
      assert is_row != ('inputs' in request)
      infos = model.signature_defs[name].inputs
      inputs = _inputs(request['instances' if is_row else 'inputs'], infos)
    except (AssertionError, KeyError, TypeError, ValueError) as error:
      raise RequestError(
        grpc.StatusCode.INVALID_ARGUMENT, f'JSON Parse error: {error!r}'
      ) from error
    found = model.run(name, inputs)
    self.serving.requests.append(('rest', name, sorted(found)))
    columns = {k: _json(k, v.numpy()) for k, v in found.items()}
    if len(columns) == 1:
      (value,) = columns.values()
    elif is_row:
      rows = zip(*columns.values())
      value = [dict(zip(columns, row)) for row in rows]
    else:
      value = columns
    return {'predictions' if is_row else 'outputs': value}

  def _answer(self, work):
    try:
      status, answer = 200, work()
    except RequestError as error:
      status = 404 if error.code == grpc.StatusCode.NOT_FOUND else 400
      answer = {'error': error.message}
    body = json.dumps(answer, indent=2).encode()
    self.send_response(status)
    self.send_header('Content-Type', 'application/json')
    self.send_header('Content-Length', str(len(body)))
    self.end_headers()
    self.wfile.write(body)


def _name(match):
  if match is None:
    raise RequestError(grpc.StatusCode.INVALID_ARGUMENT, 'Malformed request')
  return match[1]


def _inputs(value, infos):
  """TensorProtos of the one input, in row or column format."""
  (name,) = infos
  if isinstance(value, dict) and name in value:
    value = value[name]
  elif isinstance(value[0], dict) and name in value[0]:
    value = [row[name] for row in value]
  dtype = tf.as_dtype(infos[name].dtype)
  if dtype == tf.string:
    value = [
      base64.b64decode(x['b64'], validate=True)
      if isinstance(x, dict)
      else x.encode()
      for x in value
    ]
  return {name: tf.make_tensor_proto(value, dtype)}


def _json(name, value):
  if value.dtype != object:
    return value.tolist()
  if name.endswith('_bytes'):
    return [{'b64': base64.b64encode(x).decode()} for x in value]
  return [x.decode() for x in value]


def _as_field(tensor):
  """As TF Serving does by default: values listed, not as raw content."""
  value = tensor.numpy()
  proto = tf.make_tensor_proto(value)
  if value.dtype == np.uint8 and proto.tensor_content:
    proto.ClearField('tensor_content')
    proto.int_val.extend(value.ravel().tolist())
  return proto


def _metadata(name, model):
  signature_map = get_model_metadata_pb2.SignatureDefMap()
  for key, value in model.signature_defs.items():
    signature_map.signature_def[key].CopyFrom(value)
  answer = get_model_metadata_pb2.GetModelMetadataResponse()
  answer.model_spec.name = name
  answer.model_spec.version.value = model.version
  answer.metadata['signature_def'].Pack(signature_map)
  return answer


def _signature_json(model):
  (packed,) = _metadata('', model).metadata.values()
  return json_format.MessageToDict(packed, preserving_proto_field_name=True)

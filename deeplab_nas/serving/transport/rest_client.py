"""Predict requests to TF Serving over REST.

Reference:
  https://github.com/tensorflow/serving/blob/master/tensorflow_serving/g3doc/api_rest.md
"""

from __future__ import annotations

import base64
import binascii
import http.client
import json
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

import numpy as np

from deeplab_nas import errors
from deeplab_nas.serving import error_text, reply
from deeplab_nas.serving.transport import proxies

DEFAULT_PORT = 8501
_MISSING = 404
_BAD_REQUEST = 400


class RestClient:
  """Talks JSON to one model.

  Attributes:
    server: 'host:port' or a URL.
    model_name: As TF Serving knows it.
  """

  def __init__(self, server: str, model_name: str, timeout: float):
    self.server = server
    self.model_name = model_name
    self._timeout = timeout
    scheme = '' if '://' in server else 'http://'
    name = urllib.parse.quote(model_name, safe='')
    self._url = f'{scheme}{server.rstrip("/")}/v1/models/{name}'
    handlers = [urllib.request.ProxyHandler({})] * proxies.is_local(server)
    self._open = urllib.request.build_opener(*handlers).open

  def outputs(self) -> dict[str, list[str]]:
    """Names of the outputs of each signature."""
    answer = self._ask('/metadata', None)
    try:
      found = answer['metadata']['signature_def']['signature_def']
      return {name: list(value['outputs']) for name, value in found.items()}
    except (KeyError, TypeError) as error:
      raise self._no_serving() from error

  def predict(
    self, signature: str, contents: Sequence[bytes], wanted: Sequence[str]
  ) -> dict[str, np.ndarray]:
    """Sends files to a signature with one string input.

    Args:
      signature: Its name.
      contents: The files.
      wanted: Outputs to return; REST sends all others too.
    """
    files = [
      {'b64': base64.b64encode(content).decode('ascii')} for content in contents
    ]
    body = {'signature_name': signature, 'inputs': files}
    answer = self._ask(':predict', body)
    try:
      found = answer['outputs']
      if not isinstance(found, dict):  # the name of an only output is left out
        found = {wanted[0]: found}
      return {name: _array(name, found[name]) for name in wanted}
    except (KeyError, TypeError, ValueError, binascii.Error) as error:
      raise self._no_serving() from error

  def close(self) -> None:
    """Does nothing: each request has a connection of its own."""

  def _ask(self, suffix: str, body: Any) -> Any:
    """The parsed answer to a GET, or to a POST if there is a body."""
    data = None if body is None else json.dumps(body).encode('ascii')
    try:
      request = urllib.request.Request(
        self._url + suffix, data, {'Content-Type': 'application/json'}
      )
      with self._open(request, timeout=self._timeout) as answer:
        return json.loads(answer.read())
    except urllib.error.HTTPError as error:
      raise self._error(error) from error
    except socket.timeout as error:
      raise reply.too_slow(self._described(), self._timeout) from error
    except urllib.error.URLError as error:
      if isinstance(error.reason, socket.timeout):
        raise reply.too_slow(self._described(), self._timeout) from error
      raise self._not_there(error.reason) from error
    except (OSError, http.client.HTTPException) as error:
      raise self._not_there(error) from error
    except ValueError as error:  # a malformed URL or JSON
      raise self._no_serving() from error

  def _error(self, error: urllib.error.HTTPError) -> errors.UserError:
    try:
      message = json.loads(error.read())['error']
    except (OSError, ValueError, KeyError, TypeError):
      return self._no_serving()
    if error.code == _MISSING:
      return reply.model_missing(self.server, self.model_name)
    if error.code == _BAD_REQUEST:
      return reply.RefusedImage(error_text.reason(message))
    return reply.server_failed(self.server, error_text.reason(message))

  def _no_serving(self) -> errors.UserError:
    return reply.no_serving(self._described(), 'REST', DEFAULT_PORT)

  def _not_there(self, reason: object) -> errors.UserError:
    return reply.not_there(self._described(), str(reason), 'REST')

  def _described(self) -> str:
    return proxies.described(self.server, urllib.parse.urlsplit(self._url)[0])


def _array(name: str, value: Any) -> np.ndarray:
  """A tensor from nested lists; that of `*_bytes` outputs is in base64."""
  if name.endswith('_bytes'):
    decoded = [base64.b64decode(item['b64'], validate=True) for item in value]
    return np.array(decoded, dtype=object)
  return np.array(value)

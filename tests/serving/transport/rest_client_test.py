from __future__ import annotations

import http.server
import threading
import time

import pytest

from deeplab_nas import errors
from deeplab_nas.serving import reply
from deeplab_nas.serving.transport import rest_client


@pytest.fixture
def answering():
  """Starts servers that answer anything with one status and body."""
  servers = []

  def start(status, body, seconds=0.0):
    class Handler(http.server.BaseHTTPRequestHandler):
      def do_GET(self):
        time.sleep(seconds)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(body)

      do_POST = do_GET

      def log_message(self, *_):
        pass

    server = http.server.ThreadingHTTPServer(('localhost', 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    servers.append(server)
    return rest_client.RestClient(f'localhost:{server.server_port}', 'm', 0.3)

  yield start
  for server in servers:
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
  'status, body, part',
  [
    (200, b'<html>', 'does not speak TF Serving'),
    (200, b'[]', 'does not speak TF Serving'),
    (404, b'{"error": "Servable not found"}', "no model named 'm'"),
    (404, b'nginx', 'does not speak TF Serving'),
    (503, b'{"error": "Loading."}', r'failed \(Loading\)'),
  ],
)
def test_strange_answers_are_refused(answering, status, body, part):
  client = answering(status, body)
  with pytest.raises(errors.UserError, match=part):
    client.outputs()
  with pytest.raises(errors.UserError, match=part):
    client.predict('serving_bytes', [b''], ['classes'])


def test_a_refusal_is_about_the_image(answering):
  with pytest.raises(reply.RefusedImage, match='^Input is empty$'):
    answering(400, b'{"error": "Input is empty.\\n[[{{node a}}]]"}').predict(
      'serving_bytes', [b''], ['classes']
    )


def test_patience_ends(answering):
  with pytest.raises(errors.UserError, match='within 0.3 seconds'):
    answering(200, b'{}', seconds=1).outputs()


def test_addresses_may_be_urls_or_nonsense():
  with pytest.raises(errors.UserError, match='at https://localhost:1'):
    rest_client.RestClient('https://localhost:1', 'm', 1).outputs()
  with pytest.raises(errors.UserError, match='at a b:c'):
    rest_client.RestClient('a b:c', 'm', 1).outputs()


def test_one_output_alone_has_no_name(answering):
  client = answering(200, b'{"outputs": [{"b64": "/wA="}]}')
  found = client.predict('serving_png', [b''], ['mask_png_bytes'])
  assert found['mask_png_bytes'].tolist() == [b'\xff\x00']

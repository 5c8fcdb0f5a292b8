"""Images to masks over real gRPC and REST connections."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.serving import client as client_lib
from deeplab_nas.serving import reply, saved_model
from tests.serving import tiny

ODD_FILES = tiny.odd_files()
BROKEN_FILES = tiny.broken_files()


def connect(server, protocol, model_name='deeplab_nas'):
  address = server.rest_address if protocol == 'rest' else server.grpc_address
  return client_lib.connect(address, protocol, model_name)


@pytest.fixture(params=client_lib.PROTOCOLS)
def protocol(request):
  return request.param


@pytest.fixture(scope='module')
def masks(exported):
  """The masks that the SavedModel gives in Python."""
  model = saved_model.load(exported)
  return {
    name: model.classes_of_bytes([contents])[0]
    for name, contents in ODD_FILES.items()
  }


@pytest.mark.parametrize('model_name', ['deeplab_nas', 'plain'])
def test_masks_are_those_of_the_saved_model(
  server, protocol, model_name, masks
):
  with connect(server, protocol, model_name) as client:
    for name, contents in ODD_FILES.items():
      found = client.mask(contents)
      assert found.dtype == np.uint8
      np.testing.assert_array_equal(found, masks[name])


def test_a_path_is_sent_upright(server, protocol, exported, tmp_path):
  exif = Image.Exif()
  exif[0x0112] = 6
  photo = tiny.photo(20, 30)
  (tmp_path / 'a.png').write_bytes(tiny.encoded(photo, exif=exif))
  with connect(server, protocol, 'deeplab_nas') as client:
    found = client.mask(tmp_path / 'a.png')
    stored = client.mask((tmp_path / 'a.png').read_bytes())
  model = saved_model.load(exported)
  for mask, image in ((found, np.rot90(photo, -1)), (stored, photo)):
    expected = model.classes(image[np.newaxis].copy())[0]
    np.testing.assert_array_equal(mask, expected)


@pytest.mark.parametrize('name', ['http_proxy', 'HTTP_PROXY', 'all_proxy'])
def test_no_proxy_is_asked_for_this_machine(
  server, protocol, monkeypatch, name
):
  monkeypatch.setenv(name, 'http://localhost:1')
  monkeypatch.delenv('no_proxy', raising=False)
  with connect(server, protocol, 'deeplab_nas') as client:
    assert client.mask(ODD_FILES['one pixel']).shape == (1, 1)


def test_a_proxy_in_between_is_named(protocol, monkeypatch):
  monkeypatch.setenv('http_proxy', 'http://localhost:1')
  monkeypatch.delenv('no_proxy', raising=False)
  with (
    client_lib.connect('models.invalid:1', protocol, 'any', 5) as client,
    pytest.raises(errors.UserError, match='through the proxy localhost:1 of'),
  ):
    client.mask(ODD_FILES['rgba'])


def test_masks_travel_as_png_where_the_model_has_them(server, protocol):
  for model_name, expected in (
    ('deeplab_nas', ('serving_png', ['mask_png_bytes'])),
    ('plain', ('serving_bytes', ['classes', 'sizes'])),
  ):
    with connect(server, protocol, model_name) as client:
      client.mask(ODD_FILES['rgba'])
    assert server.requests[-1] == (protocol, *expected)


@pytest.mark.parametrize('name', BROKEN_FILES)
def test_a_broken_file_is_refused_in_one_sentence(server, protocol, name):
  contents, reason = BROKEN_FILES[name]
  with (
    connect(server, protocol) as client,
    pytest.raises(reply.RefusedImage) as error,
  ):
    client.mask(contents)
  text = str(error.value)
  assert reason in text
  assert not set('{}[]\n') & set(text)


def test_a_missing_model_is_named(server, protocol):
  with (
    connect(server, protocol, 'other') as client,
    pytest.raises(errors.UserError, match="no model named 'other'"),
  ):
    client.mask(ODD_FILES['rgba'])


def test_a_missing_server_is_named(protocol):
  with (
    client_lib.connect('localhost:1', protocol, 'any', 2) as client,
    pytest.raises(errors.UserError, match='No TF Serving answers at local'),
  ):
    client.mask(ODD_FILES['rgba'])


def test_the_wrong_port_is_recognised(server):
  with (
    client_lib.connect(server.rest_address, 'grpc', 'any', 2) as client,
    pytest.raises(errors.UserError),
  ):
    client.mask(ODD_FILES['rgba'])
  with (
    client_lib.connect(server.grpc_address, 'rest', 'any', 2) as client,
    pytest.raises(errors.UserError),
  ):
    client.mask(ODD_FILES['rgba'])


def test_a_foreign_model_is_refused():
  class Foreign:
    model_name = 'foreign'

    def outputs(self):
      return {'serving_default': ['scores']}

  with pytest.raises(errors.UserError, match='no signature serving_bytes'):
    client_lib.Client(Foreign()).mask(b'')


def test_unknown_protocols_are_refused():
  with pytest.raises(errors.UserError, match="no protocol 'http'"):
    client_lib.connect('localhost:1', 'http', 'any')


def test_rest_needs_no_tensorflow():
  program = (
    'import sys\n'
    'from deeplab_nas.serving import client\n'
    'client.connect("localhost:1", "rest", "any")\n'
    'sys.exit("tensorflow" in sys.modules)'
  )
  assert subprocess.run([sys.executable, '-c', program]).returncode == 0

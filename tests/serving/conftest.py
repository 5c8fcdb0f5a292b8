"""One tiny network, its export, and a server of it, for all tests here."""

from __future__ import annotations

import pytest

from tests.serving import model_server, tiny


@pytest.fixture(scope='session')
def network():
  return tiny.network()


@pytest.fixture(scope='session')
def exported(network, tmp_path_factory):
  """An export with all outputs: the folder of its version."""
  base_dir = tmp_path_factory.mktemp('models') / 'deeplab_nas'
  return tiny.export(
    network,
    base_dir,
    outputs=('classes', 'mask_png_bytes', 'probabilities'),
  ).path


@pytest.fixture(scope='session')
def plain(network, tmp_path_factory):
  """An export with the default outputs."""
  return tiny.export(network, tmp_path_factory.mktemp('plain')).path


@pytest.fixture(scope='session')
def server(exported, plain):
  """Serves both exports, over REST and gRPC."""
  models = {'deeplab_nas': exported, 'plain': plain}
  with model_server.ModelServer(models) as running:
    yield running

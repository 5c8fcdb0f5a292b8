"""A proxy is not asked for this machine, and named where it may be at fault."""

import pytest

from deeplab_nas.serving.transport import proxies


@pytest.fixture(autouse=True)
def environment(monkeypatch):
  for name in ('http_proxy', 'https_proxy', 'no_proxy', 'all_proxy'):
    monkeypatch.delenv(name, raising=False)
    monkeypatch.delenv(name.upper(), raising=False)
  monkeypatch.setenv('http_proxy', 'http://me:secret@proxy.example:3128')


@pytest.mark.parametrize(
  'server',
  [
    'localhost:8501',
    'http://localhost:8501',
    'LOCALHOST',
    'a.localhost:1',
    '127.0.0.1:8501',
    '127.3.2.1:1',
    '[::1]:8501',
    '0.0.0.0:8501',
  ],
)
def test_this_machine_needs_no_proxy(server):
  assert proxies.is_local(server)
  assert proxies.between(server) is None
  assert proxies.described(server) == server


@pytest.mark.parametrize(
  'server', ['models.example:8501', '10.1.2.3:8501', '[2001:db8::1]:8501', '']
)
def test_others_may_have_one(server):
  assert not proxies.is_local(server)
  assert proxies.between(server) == 'http://me:secret@proxy.example:3128'


def test_a_sentence_names_it_without_its_password(monkeypatch):
  text = proxies.described('models.example:8501')
  assert 'proxy.example:3128 of http_proxy' in text and 'secret' not in text
  assert 'no_proxy=models.example' in text
  monkeypatch.setenv('no_proxy', 'models.example')
  assert proxies.described('models.example:8501') == 'models.example:8501'
  assert proxies.described('other.example', 'https') == 'other.example'


def test_what_is_no_address_has_no_host():
  assert proxies.host_of('[::1') == ''
  assert proxies.host_of('http://a.example:80/x') == 'a.example'

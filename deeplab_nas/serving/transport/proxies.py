"""Whether a proxy is between a client and its server, and should be."""

from __future__ import annotations

import ipaddress
import socket
import urllib.parse
import urllib.request


def host_of(server: str) -> str:
  """'example.org' of 'example.org:8501' or of a URL; '' if there is none."""
  url = server if '://' in server else f'//{server}'
  try:
    return urllib.parse.urlsplit(url).hostname or ''
  except ValueError:  # half an IPv6 address
    return ''


def is_local(server: str) -> bool:
  """Whether a server is this machine, which no proxy can reach for us.

  Args:
    server: 'host:port' or a URL.
  """
  host = host_of(server).rstrip('.')
  names = ('localhost', socket.gethostname().lower())
  if host in names or host.endswith('.localhost'):
    return True
  try:
    address = ipaddress.ip_address(host)
  except ValueError:
    return False
  return address.is_loopback or address.is_unspecified


def between(server: str, scheme: str = 'http') -> str | None:
  """The proxy that the environment names for a server; None for none.

  Args:
    server: 'host:port' or a URL.
    scheme: Of the URL.
  """
  host = host_of(server)
  if is_local(server) or urllib.request.proxy_bypass(host):
    return None
  return urllib.request.getproxies().get(scheme)


def described(server: str, scheme: str = 'http') -> str:
  """A server for a sentence, with the proxy that may be the trouble."""
  proxy = between(server, scheme)
  if proxy is None:
    return server
  # Without the password that may be in it.
  shown = proxy.rpartition('://')[2].rpartition('@')[2]
  return (
    f'{server} (through the proxy {shown} of {scheme}_proxy; set'
    f' no_proxy={host_of(server)} to go without)'
  )

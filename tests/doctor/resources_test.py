"""Memory and disk."""

from __future__ import annotations

import pathlib
import sys

import pytest

from deeplab_nas.doctor import finding, resources
from deeplab_nas.runtime import allocator

MIB = 2**20


@pytest.fixture
def machine(tmp_path):
  """A made-up machine with 8000 MiB available; `group` adds limits."""
  (tmp_path / 'meminfo').write_text(
    f'MemTotal: 9999999 kB\nMemAvailable:    {8000 * 1024} kB\n'
  )

  def available(listing):
    (tmp_path / 'cgroup').write_text(listing)
    paths = (tmp_path / name for name in ('meminfo', 'cgroup', 'fs'))
    return resources.available_bytes(*paths) / MIB

  def group(path, **files):
    folder = tmp_path / 'fs' / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
      (folder / name.replace('memory_', 'memory.')).write_text(f'{content}\n')

  available.group = group
  return available


def limit_2(limit, used, idle=0):
  return {
    'memory_max': limit,
    'memory_current': used,
    'memory_stat': f'anon 5\ninactive_file {idle}',
  }


def limit_1(limit, used, idle=0):
  return {
    'memory_limit_in_bytes': limit,
    'memory_usage_in_bytes': used,
    'memory_stat': f'inactive_file 0\ntotal_inactive_file {idle}',
  }


def test_without_limits_the_machine_counts(machine):
  assert machine('0::/\n') == 8000
  machine.group('', **limit_2('max', 70))
  assert machine('0::/\n') == 8000


def test_the_limit_of_the_group_counts(machine):
  machine.group('a/b', **limit_2(3000 * MIB, 500 * MIB, 100 * MIB))
  assert machine('0::/a/b\n') == 2600


def test_the_limit_of_a_group_above_counts(machine):
  machine.group('a', **limit_2(2000 * MIB, 500 * MIB))
  machine.group('a/b', **limit_2('max', 500 * MIB))
  assert machine('0::/a/b\n') == 1500


def test_the_limits_of_version_1_count(machine):
  machine.group('memory', **limit_1(2**63 - 4096, 500 * MIB))
  machine.group('memory/a', **limit_1(1000 * MIB, 300 * MIB, 200 * MIB))
  assert machine('5:cpu:/b\n4:memory:/a\n0::/\n') == 900
  assert machine('5:cpu:/a\n4:memory:/b\n0::/\n') == 8000


def test_the_path_of_the_host_ends_at_the_container(machine):
  machine.group('', **limit_2(1000 * MIB, 200 * MIB))
  assert machine('0::/host/docker/12ab\n') == 800


def test_a_group_at_its_limit_leaves_nothing(machine):
  machine.group('a', **limit_2(100, 200))
  assert machine('0::/a\n') == 0


def test_a_system_that_does_not_tell_is_skipped(tmp_path, monkeypatch):
  assert resources.available_bytes(*[tmp_path / 'none'] * 3) is None
  monkeypatch.setattr(resources, 'available_bytes', lambda: None)
  assert resources.memory().status == finding.SKIP


@pytest.mark.skipif(
  not resources.MEMORY.is_file(), reason='no /proc on this system'
)
def test_the_memory_of_this_machine_is_compared():
  assert resources.memory(needed=1).status == finding.OK
  found = resources.memory(needed=2**60)
  assert found.status == finding.WARN
  assert '--dry_run' in found.remedy


def test_a_folder_that_is_there_will_do(tmp_path):
  found = resources.disk(str(tmp_path), needed=1)
  assert found.status == finding.OK
  assert str(tmp_path) in found.text
  assert not list(tmp_path.iterdir())


def test_a_folder_that_can_be_made_will_do(tmp_path):
  found = resources.disk(f'{tmp_path}/runs/a', needed=1)
  assert found.status == finding.OK
  assert not list(tmp_path.iterdir())


def test_a_folder_below_a_file_is_refused(tmp_path):
  (tmp_path / 'file').touch()
  for path in ('file', 'file/runs'):
    found = resources.disk(f'{tmp_path}/{path}')
    assert found.status == finding.FAIL
    assert f'{tmp_path}/{path} cannot be written to: Not a dir' in found.text
    assert '--run_dir' in found.remedy


def test_a_file_system_that_refuses_is_named():
  if not pathlib.Path('/proc/self').is_dir():
    pytest.skip('no /proc on this system')
  assert resources.disk('/proc').status == finding.FAIL


def test_little_room_is_warned_of(tmp_path):
  found = resources.disk(str(tmp_path), needed=2**60)
  assert found.status == finding.WARN
  assert 'Make room' in found.remedy


@pytest.mark.parametrize(
  'name, installed, remedy',
  [
    ('tcmalloc', 'libtcmalloc.so.4', ''),
    ('glibc', 'libjemalloc.so.2', 'export LD_PRELOAD=libjemalloc.so.2'),
    ('glibc', None, 'libtcmalloc_minimal.so.4, after: apt-get install'),
  ],
)
def test_a_faster_allocator_is_advised(monkeypatch, name, installed, remedy):
  monkeypatch.setattr(sys, 'platform', 'linux')
  monkeypatch.setattr(allocator, 'name', lambda: name)
  monkeypatch.setattr(allocator, 'installed', lambda: installed)
  found = resources.allocator()
  assert found.status == finding.OK
  assert found.text.startswith(name)
  assert remedy in found.remedy and bool(remedy) == bool(found.remedy)


def test_elsewhere_than_on_linux_there_is_no_advice(monkeypatch):
  monkeypatch.setattr(sys, 'platform', 'darwin')
  monkeypatch.setattr(allocator, 'name', lambda: 'system')
  assert resources.allocator() == finding.Finding(finding.OK, 'system')

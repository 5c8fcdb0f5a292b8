"""Which memory allocator a process has."""

import subprocess
import sys

import pytest

from deeplab_nas.runtime import allocator


@pytest.mark.parametrize(
  'library, expected',
  [
    ('libtcmalloc_minimal.so.4.5.9', 'tcmalloc'),
    ('libtcmalloc.so.4', 'tcmalloc'),
    ('libjemalloc.so.2', 'jemalloc'),
  ],
)
def test_a_faster_one_is_known_by_its_library(tmp_path, library, expected):
  maps = tmp_path / 'maps'
  maps.write_text(f'7f00-7f01 r-xp 00000000 08:01 5 /usr/lib/{library}\n')
  assert allocator.name(maps) == expected


def test_otherwise_it_is_that_of_the_c_library(tmp_path):
  maps = tmp_path / 'maps'
  assert allocator.name(maps) not in allocator.FASTER
  maps.write_text('7f00-7f01 r-xp 00000000 08:01 5 /home/tcmalloc/libc.so.6\n')
  assert allocator.name(maps) not in allocator.FASTER


def test_what_is_installed_can_be_preloaded():
  library = allocator.installed()
  if library is None:
    pytest.skip('neither tcmalloc nor jemalloc is installed')
  result = subprocess.run(
    [
      sys.executable,
      '-c',
      'from deeplab_nas.runtime import allocator; print(allocator.name())',
    ],
    env={allocator.VARIABLE: library},
    capture_output=True,
    text=True,
    check=True,
  )
  assert result.stdout.strip() in allocator.FASTER

from __future__ import annotations

import os

import pytest

from deeplab_nas import small_file


def test_text_is_read_whole(tmp_path):
  path = tmp_path / 'file'
  path.write_text('käse\n' * 1000, 'utf-8')
  assert small_file.read(path) == 'käse\n' * 1000
  path.write_text('\ufeffa', 'utf-8')
  assert small_file.read(path, 'utf-8-sig') == 'a'


def test_what_is_large_or_endless_is_refused(tmp_path):
  path = tmp_path / 'file'
  path.write_bytes(b' ' * small_file.MAX_BYTES)
  assert len(small_file.read(path)) == small_file.MAX_BYTES
  path.write_bytes(b' ' * (small_file.MAX_BYTES + 1))
  with pytest.raises(ValueError, match='more than 1 MiB'):
    small_file.read(path)
  if os.path.exists('/dev/zero'):
    with pytest.raises(ValueError, match='more than 1 MiB'):
      small_file.read('/dev/zero')


def test_what_is_no_text_is_refused(tmp_path):
  path = tmp_path / 'file'
  path.write_bytes(b'a\xff')
  with pytest.raises(ValueError, match=r'not UTF-8 text \(byte 1\)'):
    small_file.read(path)
  with pytest.raises(IsADirectoryError):
    small_file.read(tmp_path)

from __future__ import annotations

import os

import pytest

from deeplab_nas import files


def test_text_is_read_whole(tmp_path):
  path = tmp_path / 'file'
  path.write_text('käse\n' * 1000, 'utf-8')
  assert files.read(path) == 'käse\n' * 1000
  path.write_text('\ufeffa', 'utf-8')
  assert files.read(path, 'utf-8-sig') == 'a'


def test_what_is_large_or_endless_is_refused(tmp_path):
  path = tmp_path / 'file'
  path.write_bytes(b' ' * files.MAX_BYTES)
  assert len(files.read(path)) == files.MAX_BYTES
  path.write_bytes(b' ' * (files.MAX_BYTES + 1))
  with pytest.raises(ValueError, match='more than 1 MiB'):
    files.read(path)
  if os.path.exists('/dev/zero'):
    with pytest.raises(ValueError, match='more than 1 MiB'):
      files.read('/dev/zero')


def test_what_is_no_text_is_refused(tmp_path):
  path = tmp_path / 'file'
  path.write_bytes(b'a\xff')
  with pytest.raises(ValueError, match=r'not UTF-8 text \(byte 1\)'):
    files.read(path)
  with pytest.raises(IsADirectoryError):
    files.read(tmp_path)


@pytest.mark.parametrize('content', ['text: ä', b'\x00\xff'])
def test_a_file_is_written_whole(tmp_path, content):
  path = tmp_path / 'file'
  files.write(path, content)
  assert path.read_bytes() in (content, 'text: ä'.encode())
  assert [each.name for each in tmp_path.iterdir()] == ['file']


def test_a_folder_is_not_written_over(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  for path in ('.', '', tmp_path):
    with pytest.raises(IsADirectoryError):
      files.write(path, 'text')
  assert not list(tmp_path.iterdir())


@pytest.mark.parametrize('step', ['fsync', 'replace'])
@pytest.mark.parametrize('problem', [OSError('disk full'), KeyboardInterrupt()])
def test_a_file_that_fails_keeps_the_old_one(
  tmp_path, monkeypatch, step, problem
):
  path = tmp_path / 'file'
  files.write(path, 'old')

  def fail(*_):
    raise problem

  monkeypatch.setattr(files.os, step, fail)
  with pytest.raises(type(problem)):
    files.write(path, 'new')
  assert path.read_text('utf-8') == 'old'
  assert [each.name for each in tmp_path.iterdir()] == ['file']

from __future__ import annotations

import pytest

from deeplab_nas import whole_file


@pytest.mark.parametrize('content', ['text: ä', b'\x00\xff'])
def test_a_file_is_written_whole(tmp_path, content):
  path = tmp_path / 'file'
  whole_file.write(path, content)
  assert path.read_bytes() in (content, 'text: ä'.encode())
  assert [each.name for each in tmp_path.iterdir()] == ['file']


@pytest.mark.parametrize('step', ['fsync', 'replace'])
@pytest.mark.parametrize('problem', [OSError('disk full'), KeyboardInterrupt()])
def test_a_file_that_fails_keeps_the_old_one(
  tmp_path, monkeypatch, step, problem
):
  path = tmp_path / 'file'
  whole_file.write(path, 'old')

  def fail(*_):
    raise problem

  monkeypatch.setattr(whole_file.os, step, fail)
  with pytest.raises(type(problem)):
    whole_file.write(path, 'new')
  assert path.read_text('utf-8') == 'old'
  assert [each.name for each in tmp_path.iterdir()] == ['file']

from __future__ import annotations

import os
import pathlib

import pytest

from deeplab_nas import errors, paths


@pytest.mark.parametrize(
  'text',
  [
    '',
    'a',
    '/a/b',
    'a~b',
    'zoo:x',
    'a:b/c',
    'c:/windows',
    '*',
  ],
)
def test_a_path_stays(text):
  assert paths.expand(text) == text


@pytest.mark.parametrize('text', ['./~', './~/a', './~root', '././gs:/x', '~'])
def test_to_expand_twice_is_to_expand_once(text, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  once = paths.expand(text)
  assert paths.expand(str(pathlib.Path(once))) == once
  if text != '~':
    assert once == f'{tmp_path}/{text.replace("./", "")}'


def test_home_is_put_in(monkeypatch):
  monkeypatch.setenv('HOME', '/home/me')
  assert paths.expand('~') == '/home/me'
  assert paths.expand('~/a b/*.png') == '/home/me/a b/*.png'
  assert paths.expand('~root/x') == os.path.expanduser('~root') + '/x'


@pytest.mark.parametrize(
  'text',
  [
    'gs://a/b',
    's3://a',
    'S3://a',
    'hdfs://h:9000/a',
    'https://a/b.zip',
    'gs:/a/b',
    'abfss://a@b/c',
    'hf://a',
  ],
)
def test_an_address_is_refused(text):
  with pytest.raises(ValueError, match='only paths of this machine'):
    paths.expand(text)


def test_the_path_in_an_address_of_a_file_is_shown():
  with pytest.raises(ValueError, match='^write the path alone, /data/x$'):
    paths.expand('file:///data/x')


def test_the_home_of_nobody_is_refused():
  with pytest.raises(ValueError, match="no home folder of a user 'nobody9'"):
    paths.expand('~nobody9/x')


def test_a_zero_byte_is_refused():
  with pytest.raises(ValueError, match='zero byte'):
    paths.expand('a\0b')


def test_python_code_may_give_path_objects(monkeypatch, tmp_path):
  monkeypatch.setenv('HOME', str(tmp_path))
  assert paths.expand_given('~/a') == str(tmp_path / 'a')
  assert paths.expand_given(pathlib.Path('~/a')) == str(tmp_path / 'a')
  with pytest.raises(errors.UserError, match='^gs:/b is refused: it is an add'):
    paths.expand_given(pathlib.Path('gs://b'))


def test_a_path_that_is_not_utf_8_is_refused():
  with pytest.raises(ValueError, match='takes only paths in UTF-8, and this'):
    paths.expand(os.fsdecode(b'runs/\xff'))
  assert paths.expand('runs/ünï') == 'runs/ünï'

"""scripts/serving/client.py on a server in this process."""

from __future__ import annotations

import functools
import pathlib

import numpy as np
import pytest
from PIL import Image

from deeplab_nas.serving import prediction, saved_model
from tests import command
from tests.serving import tiny

run = functools.partial(command.here, 'scripts/serving/client.py')


def refusal(*flags):
  """The sentences of a refused command."""
  result = run(*flags)
  assert result.returncode == 2, result.stderr
  assert 'Traceback' not in result.stderr
  lines = result.stderr.splitlines()
  return [x for x in lines if x.startswith('error: ') and x[-1] == '.']


@pytest.mark.parametrize(
  'protocol', ['rest', pytest.param('grpc', marks=pytest.mark.slow)]
)
def test_masks_are_written_and_broken_files_reported(
  server, exported, tmp_path, protocol
):
  files = {
    'one.png': tiny.odd_files()['one pixel'],
    'narrow.jpg': tiny.odd_files()['narrow'],
    'text.jpg': b'not an image',
  }
  for name, contents in files.items():
    (tmp_path / name).write_bytes(contents)
  masks = tmp_path / 'masks'
  address = server.rest_address if protocol == 'rest' else server.grpc_address
  (sentence,) = refusal(
    f'--server={address}',
    f'--protocol={protocol}',
    f'--input={tmp_path}/*.png,{tmp_path}/*.jpg',
    f'--output_dir={masks}',
  )
  assert 'text.jpg cannot be decoded' in sentence
  assert sorted(path.name for path in masks.iterdir()) == [
    'narrow.png',
    'one.png',
  ]
  model = saved_model.load(exported)
  for name in ('one.png', 'narrow.jpg'):
    mask = Image.open(masks / f'{pathlib.Path(name).stem}.png')
    assert mask.mode == 'L'
    (expected,) = model.classes_of_bytes([files[name]])
    np.testing.assert_array_equal(np.asarray(mask), expected)


def test_a_photo_is_turned_before_it_is_sent(
  server, exported, tmp_path, monkeypatch
):
  monkeypatch.setenv('http_proxy', 'http://localhost:1')
  monkeypatch.delenv('no_proxy', raising=False)
  exif = Image.Exif()
  exif[0x0112] = 6
  photo = tmp_path / 'a,b.jpg'
  photo.write_bytes(tiny.encoded(tiny.photo(20, 30), 'JPEG', exif=exif))
  result = run(
    f'--server={server.rest_address}',
    f'--input={photo}',
    f'--output_dir={tmp_path}/out',
  )
  assert result.returncode == 0, result.stderr
  expected = saved_model.load(exported).classes(
    prediction.read_image(photo)[np.newaxis]
  )[0]
  assert expected.shape == (30, 20)
  np.testing.assert_array_equal(
    np.asarray(Image.open(tmp_path / 'out' / 'a,b.png')), expected
  )

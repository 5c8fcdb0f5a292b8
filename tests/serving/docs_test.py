"""Every command and program of g3doc/serving.md, run in its order."""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tests.serving import model_server, tiny
from tests.train import restore_test

ROOT = pathlib.Path(__file__).parents[2]
PAGE = (ROOT / 'g3doc' / 'serving.md').read_text('utf-8')
BLOCK = re.compile(r'^```(bash|python)\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path):
  """A folder as a user has it: scripts, a trained run, two photos."""
  (tmp_path / 'scripts').symlink_to(ROOT / 'scripts')
  restore_test.save(tmp_path / 'runs' / 'train', learning_rate=0.1)
  (tmp_path / 'photos').mkdir()
  photos = {'a.jpg': 'narrow', 'b.png': 'rgba'}
  for name, kind in photos.items():
    (tmp_path / 'photos' / name).write_bytes(tiny.odd_files()[kind])
  return tmp_path


def run(language, code, folder):
  path = [str(pathlib.Path(sys.executable).parent), os.environ['PATH']]
  command = (
    ['bash', '-ec', code] if language == 'bash' else ['python', '-c', code]
  )
  result = subprocess.run(
    command,
    cwd=folder,
    capture_output=True,
    text=True,
    env={
      **os.environ,
      'PATH': os.pathsep.join(path),
      'PYTHONPATH': str(ROOT),
      'TF_CPP_MIN_LOG_LEVEL': '3',
    },
  )
  assert result.returncode == 0, f'{code}\n{result.stderr}'


@pytest.mark.slow
@pytest.mark.skipif(
  not all(shutil.which(x) for x in ('bash', 'curl', 'base64')),
  reason='the commands need bash, curl and base64',
)
def test_the_page_can_be_followed_word_for_word(folder):
  blocks = BLOCK.findall(PAGE)
  is_docker = ['docker' in code for _, code in blocks]
  first, last = is_docker.index(True), is_docker.index(False, 1)
  assert sum(is_docker) == last - first == 2
  for language, code in blocks[:first]:
    run(language, code, folder)
  models = {'deeplab_nas': folder / 'models' / 'deeplab_nas' / '1'}
  with model_server.ModelServer(models) as server:  # in place of docker
    for language, code in blocks[last:]:
      code = code.replace('localhost:8501', server.rest_address)
      run(language, code.replace('localhost:8500', server.grpc_address), folder)

  sources = [path.stem for path in sorted((folder / 'photos').iterdir())]
  assert sources == ['a', 'b']
  for name in sources:
    np.testing.assert_array_equal(
      np.asarray(Image.open(folder / 'masks' / f'{name}.png')),
      np.asarray(Image.open(folder / 'predictions' / 'masks' / f'{name}.png')),
    )
  np.testing.assert_array_equal(
    np.asarray(Image.open(folder / 'mask.png')),
    np.asarray(Image.open(folder / 'masks' / 'b.png')),
  )
  assert (folder / 'models/phone/1/assets.extra/segmenter.tflite').is_file()
  assert (folder / 'models/untrained/1/saved_model.pb').is_file()

"""`client`: what it refuses; tests/serving has one that is answered."""

from __future__ import annotations

from tests import command
from tests.serving import tiny

SCRIPT = 'scripts/serving/client.py'


def test_mistakes_get_a_sentence(tmp_path):
  photo = tmp_path / 'a.png'
  photo.write_bytes(tiny.odd_files()['rgba'])
  (tmp_path / 'a.jpg').write_bytes(b'')
  out = f'--output_dir={tmp_path}/out'
  for flags, part in (
    ([out], 'Say which images to send with --input'),
    ([f'--input={photo}'], 'Say where the masks go with --output_dir'),
    ([f'--input={tmp_path}/*.gif', out], '*.gif names no file'),
    ([f'--input={tmp_path}', out], 'is not a file'),
    ([f'--input={tmp_path}/a.*', out], 'would both give'),
    ([f'--input={photo}', f'--output_dir={tmp_path}'], 'would replace it'),
    (
      [f'--input={photo}', out, '--server=localhost:1'],
      'No TF Serving answers',
    ),
  ):
    assert part in command.refusal(command.here(SCRIPT, *flags))
  assert not (tmp_path / 'out').exists()

"""`predict`: what it refuses, in one sentence."""

from __future__ import annotations

import pytest

from tests import command


def refusal(*flags):
  return command.refusal(command.here('scripts/predict.py', *flags))


@pytest.mark.parametrize(
  'flags, part',
  [
    ([], '--model is missing'),
    (['--images=x', '--output_dir=y'], '--model is missing'),
    (['--model=m', '--output_dir=y'], '--images is missing'),
    (['--model=m', '--images=x'], '--output_dir is missing'),
    (['--scales=0'], 'numbers above 0'),
    (['--scales=a,b'], 'numbers above 0'),
    (['--tile=40', '--overlap=40'], 'has to be below --tile=40'),
    (['--tile=1'], 'use at least 33 pixels'),
    ([], 'is no folder'),
  ],
)
def test_mistakes_get_a_sentence(flags, part):
  if 'missing' not in part:
    flags = ['--model=/none', '--images=x', '--output_dir=/none/out', *flags]
  assert part in refusal(*flags)


def test_a_used_output_folder_is_kept(tmp_path):
  (tmp_path / 'mine.txt').write_text('mine')
  assert 'add --overwrite' in refusal(
    '--model=m', '--images=x', f'--output_dir={tmp_path}'
  )
  assert [path.name for path in tmp_path.iterdir()] == ['mine.txt']


def test_a_folder_that_is_no_model_is_refused(tmp_path):
  (tmp_path / 'model').mkdir()
  (tmp_path / 'a.png').write_bytes(b'')
  refusal(
    f'--model={tmp_path}/model',
    f'--images={tmp_path}/a.png',
    f'--output_dir={tmp_path}/out',
  )
  assert not (tmp_path / 'out').exists()

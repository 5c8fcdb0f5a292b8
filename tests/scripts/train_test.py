"""scripts/train.py as from a shell: exit code, speed, and who imports what."""

from __future__ import annotations

from tests import command


def test_a_mistake_is_answered_before_tensorflow_is_imported(tmp_path):
  # A TensorFlow that ends whoever imports it.
  folder = tmp_path / 'tensorflow'
  folder.mkdir()
  (folder / '__init__.py').write_text('raise SystemExit("imported")\n')
  result = command.run(
    'scripts/train.py',
    '--config=quickstart',
    f'--data_dir={tmp_path}/missing',
    PYTHONPATH=f'{tmp_path}:{command.ROOT}',
  )
  sentence = command.refusal(result)
  assert f'is not at {tmp_path}/missing' in sentence


def test_debug_shows_the_traceback():
  result = command.run('scripts/train.py', '--mode=fly', '--debug')
  assert result.returncode == 1
  assert 'Traceback' in result.stderr and 'UserError' in result.stderr

"""`import-tf1`: what it refuses; tests/tf1 has what it takes over."""

from __future__ import annotations

import pytest

from tests import command


@pytest.mark.parametrize(
  'flags, part',
  [
    ([], '--checkpoint is missing'),
    (['--checkpoint=a'], '--run_dir is missing'),
    (['--checkpoint=a', '--run_dir=b'], 'which classes the network has'),
    (
      ['--checkpoint=a', '--run_dir=b', '--dataset=x', '--aspp_rates=a'],
      '--aspp_rates=a has to be whole numbers',
    ),
    (
      ['--checkpoint=a', '--run_dir=b', '--dataset=x', '--genotype=zoo:x'],
      'known are auto_deeplab',
    ),
  ],
)
def test_mistakes_get_a_sentence(flags, part):
  result = command.here('scripts/import_tf1_checkpoint.py', *flags)
  assert part in command.refusal(result)


def test_a_checkpoint_that_is_not_there_leaves_nothing(tmp_path):
  result = command.here(
    'scripts/import_tf1_checkpoint.py',
    f'--checkpoint={tmp_path}/model.ckpt',
    f'--run_dir={tmp_path}/run',
    '--dataset=cityscapes',
  )
  assert 'model.ckpt' in command.error_lines(result)[0]
  assert not (tmp_path / 'run').exists()

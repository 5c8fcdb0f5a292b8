"""What an evaluation says at its end."""

import shlex

import numpy as np
import pytest

from deeplab_nas import commands
from deeplab_nas.config import config as config_lib
from deeplab_nas.evaluate import scores
from deeplab_nas.run import directory as run_directory
from deeplab_nas.train import eval_run, eval_summary

SCORES = scores.Scores(('road', 'sky'), np.array([[90, 10], [5, 45]]), 1, 0)


def text(path='runs/a', advice=(), **settings):
  run = run_directory.RunDirectory(path)
  config = config_lib.Config.from_dict({'eval': settings})
  found = eval_run.Evaluation(SCORES, advice, run.evaluations / 'val')
  with commands.typed(commands.PROGRAM):
    return eval_summary.summarize(run, config, found)


def commands_in(shown):
  return [
    shlex.split(line)[1:]
    for line in shown.splitlines()
    if line.startswith('  deeplab-nas ')
  ]


def test_it_shows_scores_advice_and_where_the_files_are():
  shown = text(advice=('Look at the labels.',))
  assert shown.startswith(str(SCORES))
  assert '\nLook at the labels.\nWritten to runs/a/eval/val.\n' in shown


def test_prediction_and_export_come_next():
  assert commands_in(text()) == [
    [
      'predict',
      '--model=runs/a',
      '--images=photos',
      '--output_dir=runs/a_predictions',
    ],
    ['export', '--run_dir=runs/a', '--export_dir=runs/a_models'],
  ]


@pytest.mark.parametrize(
  'settings, flags',
  [
    ({'checkpoint': 'last'}, ['--checkpoint=last']),
    ({'scales': [0.75, 1.0]}, ['--scales=0.75,1']),
    ({'flip': True, 'split': 'test'}, ['--flip']),
  ],
)
def test_what_comes_next_is_the_network_as_it_was_measured(settings, flags):
  for words in commands_in(text('my run', **settings)):
    assert words[2:-1] in (flags, [*flags, '--images=photos'])
    assert words[1].endswith('=my run')

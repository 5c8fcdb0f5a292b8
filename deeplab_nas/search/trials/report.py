"""What is said of a study: a line for each trial, and the summary."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import numpy as np

from deeplab_nas import commands
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import follow_up
from deeplab_nas.report import text
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.contest import finalists
from deeplab_nas.search.trials import strategy
from deeplab_nas.space import genotype as genotype_lib

_NAMES = {'cross_entropy': 'cross-entropy', 'miou': 'mIoU'}


def line(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  trial: strategy.Trial,
  num_trials: int | None,
  seconds_left: float | None,
) -> str:
  """What came of a trial, the best so far, and the time that is left."""
  if trial.scores is None:
    result = f'failed ({trial.failure})'
  else:
    result = _scores(study, trial)
  done = [t for t in trials if not t.is_pending]
  of = '' if num_trials is None else f' of {num_trials}'
  parts = [f'Trial {trial.number}: {result}, {text.duration(trial.seconds)}']
  best = min(done, key=study.loss)
  if best.scores is not None:
    parts.append(f'best so far trial {best.number}: {_scores(study, best)}')
  parts.append(f'{len(done)}{of} done')
  if seconds_left is not None:
    parts.append(f'about {text.duration(seconds_left)} left')
  return '; '.join(parts) + '.'


def summarize(
  run: run_directory.RunDirectory,
  config: config_lib.Config,
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  seconds: float,
  found: genotype_lib.Genotype,
  remarks: Sequence[str] = (),
  finals: finalists.Finals | None = None,
) -> str:
  """The summary of a study that has at least one trial with scores.

  Args:
    run: The folder.
    config: Every setting.
    study: What was searched.
    trials: All of them.
    seconds: That the study took.
    found: What the strategy thinks the best, which has a trial with scores.
    remarks: Sentences of the strategy.
    finals: What was trained again with fresh seeds; None if nothing was.
  """
  full = [
    t for t in trials if t.scores is not None and t.fidelity == study.full
  ] or [t for t in trials if t.scores is not None]
  of_found = [t for t in full if t.genotype == found]
  best = min(of_found or full, key=study.loss)
  failed = sum(t.failure is not None for t in trials)
  flags = follow_up.training_flags(
    config, config.name, config.overrides, run.config
  )
  command = [
    *(f'--genotype={run.genotype}', *flags),
    f'--run_dir={run.path.parent / "train"}',
  ]
  return '\n'.join(
    [
      _verdict(study, best, full),
      '',
      f'Found architecture {best.genotype.digest} (trial {best.number}):',
      *(f'  {row}' for row in str(best.genotype).splitlines()),
      '',
      f'{len(trials)} trials in {text.duration(seconds)}, {failed} of them'
      ' failed.',
      *remarks,
      *_again(study, finals),
      '',
      text.files(
        ('architecture', run.genotype),
        ('all trials', run.candidates),
        ('scores and costs', run.pictures / 'trials.png'),
        ('settings, versions', run.config),
      ),
      '',
      'Train it:',
      f'  {commands.name("train")} {shlex.join(command)}',
    ]
  )


def _again(study: strategy.Study, finals: finalists.Finals | None) -> list[str]:
  """What trainings with fresh seeds say."""
  return [] if finals is None else ['', *finalists.lines(study, finals)]


def _verdict(
  study: strategy.Study,
  best: strategy.Trial,
  full: Sequence[strategy.Trial],
) -> str:
  """How the best one compares with the middle of all."""
  name = study.objectives[0]
  if len(full) < 3:
    return (
      f'Too few trials to choose from ({len(full)}): the best has'
      f' {_scores(study, best)}.'
    )
  values = [t.scores[name] for t in full]
  return (
    f'The best of {len(full)} trials has {_scores(study, best)}; their median'
    f' {_NAMES.get(name, name)} is {np.median(values):.3f}, their standard'
    f' deviation {np.std(values, ddof=1):.3f}.'
  )


def _scores(study: strategy.Study, trial: strategy.Trial) -> str:
  names = dict.fromkeys((*study.objectives, 'cross_entropy', 'miou'))
  return ', '.join(
    f'{_NAMES.get(name, name)} {trial.scores[name]:.4g}' for name in names
  )

"""What is said of a study: a line for each trial, and the summary."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from deeplab_nas import commands, wording
from deeplab_nas.report import text
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import next_training
from deeplab_nas.search.contest import finalists
from deeplab_nas.search.trials import history, outcome, strategy
from deeplab_nas.search.trials.results import front
from deeplab_nas.space import genotype as genotype_lib

# Full trials below which the best of them says nothing.
_FEW = 3
UNDECIDED = 'The search could not decide'


def line(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  trial: strategy.Trial,
  num_trials: int | None,
  seconds_left: float | None,
) -> str:
  """What came of a trial, the best so far, and the time that is left."""
  result = (
    f'failed ({trial.failure})'
    if trial.scores is None
    else _scores(study, trial)
  )
  done = [t for t in trials if not t.is_pending]
  num_trained = history.num_trained(done)
  of = '' if num_trials is None else f' of {num_trials}'
  title = f'Trial {trial.number}{_length(study, trial)}'
  parts = [f'{title}: {result}, {text.duration(trial.seconds)}']
  best = history.best_trial(study, done)
  if best is trial:
    parts.append('the best so far')
  elif best is not None:
    length = '' if best.fidelity == trial.fidelity else _length(study, best)
    scores = _scores(study, best)
    parts.append(f'best so far trial {best.number}{length}: {scores}')
  parts += filter(None, [front.phrase(study, done)])
  if num_trained < len(done):
    parts.append(f'{len(done) - num_trained} scored')
  parts.append(f'{num_trained}{of} done')
  if seconds_left is not None:
    parts.append(f'about {text.duration(seconds_left)} left')
  return '; '.join(parts) + '.'


def summarize(
  run: run_directory.RunDirectory,
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  seconds: float,
  found: genotype_lib.Genotype,
  remarks: Sequence[str] = (),
  finals: finalists.Finals | None = None,
) -> str:
  """The summary of a study that has at least one trial with scores.

  Its first paragraph says how good the answer is: first, whether the search
  could decide.

  Args:
    run: The folder.
    study: What was searched.
    trials: All of them.
    seconds: That the study took.
    found: What the strategy thinks the best, which has a trial with scores.
    remarks: Sentences of the strategy.
    finals: What was trained again with fresh seeds; None if nothing was.
  """
  best = history.best_trial(study, [t for t in trials if t.genotype == found])
  plain = constant(run, trials, found)
  failed = sum(t.failure is not None for t in trials)
  table = [] if finals is None else finalists.lines(study, finals)
  parts = [
    [
      _verdict(study, trials, best, finals, plain),
      *_comparison(study, trials, best),
      *_constant_lines(plain),
      *remarks,
    ],
    table,
    front.lines(run, study, trials),
    [
      f'Found architecture {best.genotype.digest} (trial {best.number}):',
      *(f'  {row}' for row in str(best.genotype).splitlines()),
    ],
    [f'{_count(trials)} in {text.duration(seconds)}, {failed} of them failed.'],
    [
      text.files(
        ('architecture', run.genotype),
        ('its picture', run.pictures / 'genotype.png'),
        ('all trials', run.candidates),
        ('scores and costs', run.pictures / 'trials.png'),
        ('settings, versions', run.config),
      )
    ],
    _next(run, best),
  ]
  return '\n\n'.join('\n'.join(part) for part in parts if part)


def _count(trials: Sequence[strategy.Trial]) -> str:
  """'14 trials', or '14 trials and 100 scores by the hypernetwork'."""
  num_trained = history.num_trained(trials)
  text = wording.counted(num_trained, 'trial')
  if num_trained == len(trials):
    return text
  scores = wording.counted(len(trials) - num_trained, 'score')
  return f'{text} and {scores} by the hypernetwork'


def _verdict(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  best: strategy.Trial,
  finals: finalists.Finals | None,
  plain: Mapping[str, Any],
) -> str:
  """Whether the search could decide, by what was measured."""
  if best.scores['miou'] <= plain.get('miou', -1):
    return (
      f'{UNDECIDED}: what it found has no better mIoU than a constant'
      ' prediction: allow more search.trial_steps.'
    )
  sentence = '' if finals is None else finalists.verdict(study, finals)
  if finals is not None and finalists.decision(study, finals):
    return sentence
  full = history.scored(study, trials, study.full)
  if len(full) < _FEW:
    few = f'only {wording.counted(len(full), "trial")}' if full else 'no trial'
    return (
      f'{UNDECIDED}: {few} ran in full: allow more search.budget or'
      ' search.num_trials.'
    )
  if finals is None:
    return (
      f'{UNDECIDED}: nothing was trained again with fresh seeds'
      ' (search.final_seeds).'
    )
  if finals.random == finals.found:
    return sentence
  return f'{UNDECIDED}: {sentence[0].lower()}{sentence[1:]}'


def _comparison(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  best: strategy.Trial,
) -> list[str]:
  """How the found one scored in the search, and the random ones beside it."""
  lines = [f'Found, trial {best.number}: {_scores(study, best)}.']
  others = history.drawn(trials) - {best.genotype}
  beside = [
    t
    for t in history.scored(study, trials, best.fidelity)
    if t.genotype in others
  ]
  if beside:
    which = f'{len(beside)} random ones'
    if len(beside) == 1:
      which = 'A random one'
    ranges = ', '.join(_range(beside, name) for name in _names(study))
    lines.append(f'{which}, with as many steps: {ranges}.')
  return lines


def _range(trials: Sequence[strategy.Trial], name: str) -> str:
  """'cross-entropy 0.71 to 0.94 (median 0.8)'."""
  values = [trial.scores[name] for trial in trials]
  if len(values) == 1:
    return f'{wording.score(name)} {_number(name, values[0])}'
  low, middle, high = np.percentile(values, (0, 50, 100))
  return (
    f'{wording.score(name)} {_number(name, low)} to'
    f' {_number(name, high)} (median {_number(name, middle)})'
  )


def constant(
  run: run_directory.RunDirectory,
  trials: Sequence[strategy.Trial],
  genotype: genotype_lib.Genotype,
) -> Mapping[str, Any]:
  """What a constant prediction scores on a trial's images.

  Args:
    run: The folder.
    trials: All of them.
    genotype: Of the trial.

  Returns:
    See `Outcome.constant`; {} if its outcome is gone.
  """
  for trial in trials:
    if trial.genotype == genotype and trial.scores is not None:
      path = run.trials / f'{trial.number:04d}' / 'outcome.json'
      found = outcome.Outcome.load(path)
      return {} if found is None else found.constant
  return {}


def _constant_lines(best: Mapping[str, Any]) -> list[str]:
  if not best:
    return []
  return [
    f'For comparison, {best["name"]} everywhere: mIoU'
    f' {100 * best["miou"]:.1f} %; the frequencies of the classes for every'
    f' pixel: cross-entropy {best["cross_entropy"]:.4g}.'
  ]


def _next(run: run_directory.RunDirectory, best: strategy.Trial) -> list[str]:
  """The exact commands to go on with."""
  folder = os.fspath(run.path)
  train = next_training.line(
    run, run.genotype, best.scores.get('filter_multiplier')
  )
  curves = ('-m', 'tensorboard.main', '--logdir', os.fspath(run.tensorboard))
  return [
    'Next, train what was found, as wide as it was tried:',
    f'  {train}',
    'Or see what else scores high, or the best within a budget:',
    f'  {commands.line("pick", f"--run_dir={folder}")}',
    'Or look at the curves of all trials:',
    f'  {shlex.join((commands.python(), *curves))}',
  ]


def _names(study: strategy.Study) -> tuple[str, ...]:
  return tuple(dict.fromkeys((*study.objectives, *wording.SCORES)))


def _scores(study: strategy.Study, trial: strategy.Trial) -> str:
  return ', '.join(
    f'{wording.score(name)} {_number(name, trial.scores[name])}'
    for name in _names(study)
  )


def _number(name: str, value: float) -> str:
  return f'{100 * value:.1f} %' if name == 'miou' else f'{value:.4g}'


def _length(study: strategy.Study, trial: strategy.Trial) -> str:
  """The steps, where trials differ in them."""
  if len(study.fidelities) == 1:
    return ''
  return f' ({trial.fidelity.title})'

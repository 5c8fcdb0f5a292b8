"""What is said of the Pareto front of a study of several objectives."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from deeplab_nas import wording
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import next_training
from deeplab_nas.search.trials import history, hypervolume, strategy
from deeplab_nas.space import genotype as genotype_lib

TITLES = {
  **wording.SCORES,
  'loss_sum': wording.LOSS_SUM,
  'latency_ms': 'latency, ms',
  'macs': 'multiply-adds',
  'cell_macs': 'multiply-adds in cells',
  'params': 'parameters',
  'activation_bytes': 'activations, bytes',
  'activation_mb': 'activations, MB',
}


def genotypes(
  study: strategy.Study, trials: Sequence[strategy.Trial]
) -> list[genotype_lib.Genotype]:
  """The front, by the first objective; [] of a study of one objective."""
  return history.best(study, trials) if len(study.objectives) > 1 else []


def phrase(
  study: strategy.Study, trials: Sequence[strategy.Trial]
) -> str | None:
  """How many are on the front, and what it dominates; None of no front."""
  count = len(genotypes(study, trials))
  if not count:
    return None
  share = hypervolume.share(study, trials)
  text = f'front of {count}'
  return text if share is None else f'{text}, hypervolume {share:.4f}'


def lines(
  run: run_directory.RunDirectory,
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
) -> list[str]:
  """A table of the front, and the command that trains each of it.

  Args:
    run: The folder, where `save` has written the files that they name.
    study: Of several objectives; of one there are no lines.
    trials: All of them.
  """
  found = genotypes(study, trials)
  if not found:
    return []
  best = [_trial(study, trials, genotype) for genotype in found]
  rows = [['architecture', 'trial', 'F', *map(title, study.objectives)]]
  for trial in best:
    scores = (f'{trial.scores[name]:.4g}' for name in study.objectives)
    width = f'{trial.scores.get("filter_multiplier", float("nan")):g}'
    rows.append([trial.genotype.digest, str(trial.number), width, *scores])
  share = hypervolume.share(study, trials)
  volume = '' if share is None else f', hypervolume {share:.4f}'
  commands = (
    next_training.line(
      run,
      path_of(run, trial.genotype),
      trial.scores.get('filter_multiplier'),
      trial.genotype.digest,
    )
    for trial in best
  )
  return [
    f'The front: no other trial is better in all objectives{volume}.',
    *(f'  {row}' for row in wording.aligned(rows)),
    'To train one of them, as wide as it was tried:',
    *(f'  {line}' for line in commands),
  ]


def save(
  run: run_directory.RunDirectory,
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
) -> None:
  """Writes a genotype file for each of the front, and removes all others."""
  found = genotypes(study, trials)
  if found:
    run.front.mkdir(exist_ok=True)
  for genotype in found:
    genotype.save(path_of(run, genotype))
  kept = {path_of(run, genotype) for genotype in found}
  for path in run.front.glob('*.json'):
    if path not in kept:
      path.unlink()


def path_of(
  run: run_directory.RunDirectory, genotype: genotype_lib.Genotype
) -> pathlib.Path:
  """Where the file of one of the front is."""
  return run.front / f'{genotype.digest}.json'


def title(name: str) -> str:
  """An objective as people read it."""
  return TITLES.get(name, name.replace('_', ' '))


def _trial(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  genotype: genotype_lib.Genotype,
) -> strategy.Trial:
  return history.best_trial(
    study, [t for t in trials if t.genotype == genotype]
  )

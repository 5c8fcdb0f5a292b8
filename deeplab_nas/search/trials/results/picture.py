"""The picture of a study: what each trial costs, and what it scores."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence

from matplotlib import axes as matplotlib_axes
from matplotlib import figure

from deeplab_nas import files
from deeplab_nas.search.trials import history, pareto, strategy
from deeplab_nas.space import genotype as genotype_lib

COST = 'macs'
_TITLES = {'cross_entropy': 'cross-entropy of half B', 'miou': 'mIoU of half B'}


def save(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  path: pathlib.Path,
  found: genotype_lib.Genotype | None = None,
  constant: float | None = None,
) -> None:
  """Draws the first objective against all multiply-adds, the front marked.

  The front is of the longest trials: scores of fewer steps are worse, and are
  paler the fewer they are. Architectures that chance alone chose are squares.

  Args:
    study: Names the objectives.
    trials: Those without scores are left out; without any no file is written.
    path: Of the PNG file.
    found: What the study found; None for nothing.
    constant: The first objective of a constant prediction; None if unknown.
  """
  scored = [t for t in trials if t.scores is not None and COST in t.scores]
  if not scored:
    return
  picture = figure.Figure(figsize=(7, 4.5), layout='constrained')
  axes = picture.subplots()
  drawn = history.drawn(trials)
  for fidelity in study.fidelities:
    of_length = [t for t in scored if t.fidelity == fidelity]
    for is_random in (True, False):
      alike = [t for t in of_length if (t.genotype in drawn) == is_random]
      _draw_trials(axes, study, alike, is_random)
  longest = max(scored, key=lambda t: study.fidelities.index(t.fidelity))
  full = [t for t in scored if t.fidelity == longest.fidelity]
  _draw_front(axes, study, full)
  if constant is not None:
    label = 'constant prediction'
    axes.axhline(constant, color='0.3', linestyle=':', label=label)
  best = history.best_trial(study, [t for t in full if t.genotype == found])
  if best is not None:
    axes.plot(
      *_place(study, best), '*', color='C3', ms=17, mec='white', label='found'
    )
  axes.set_xlabel('multiply-adds of a training crop, M')
  name = study.objectives[0]
  axes.set_ylabel(_TITLES.get(name, name.replace('_', ' ')))
  picture.legend(loc='outside right upper', frameon=False)
  content = io.BytesIO()
  picture.savefig(content, format='png', dpi=150)
  files.write(path, content.getvalue())


def _draw_trials(
  axes: matplotlib_axes.Axes,
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  is_random: bool,
) -> None:
  """Those of one length and kind."""
  if not trials:
    return
  fidelity = trials[0].fidelity
  level = study.fidelities.index(fidelity)
  axes.scatter(
    *zip(*(_place(study, trial) for trial in trials)),
    s=26,
    marker='s' if is_random else 'o',
    color='C7' if is_random else 'C0',
    alpha=(level + 1) / len(study.fidelities),
    linewidths=0,
    label=f'{"random" if is_random else "chosen"}, {fidelity.steps} steps',
  )


def _draw_front(
  axes: matplotlib_axes.Axes,
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
) -> None:
  """A ring around each that no other is better than in both."""
  front = pareto.front([(study.loss(t), _place(study, t)[0]) for t in trials])
  axes.plot(
    *zip(*sorted(_place(study, trials[i]) for i in front)),
    'o--',
    color='C3',
    ms=11,
    mfc='none',
    linewidth=1,
    label='front: none is\nbetter in both',
  )


def _place(study: strategy.Study, trial: strategy.Trial) -> tuple[float, float]:
  """Millions of multiply-adds, and the first objective as it is read."""
  return trial.scores[COST] / 1e6, trial.scores[study.objectives[0]]

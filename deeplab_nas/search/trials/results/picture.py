"""The picture of a study: what each trial costs, and what it scores."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

from matplotlib import axes as matplotlib_axes
from matplotlib import figure

from deeplab_nas import files, wording
from deeplab_nas.search.trials import history, pareto, strategy
from deeplab_nas.space import genotype as genotype_lib

COST = 'macs'
_TITLES = {
  'cross_entropy': 'cross-entropy of half B',
  'miou': 'mIoU of half B',
  'loss_sum': wording.LOSS_SUM,
  'macs': 'multiply-adds of a training crop, M',
  'cell_macs': 'multiply-adds in the cells of a training crop, M',
  'params': 'parameters, M',
  'activation_bytes': 'activations of a training crop, MB',
  'activation_mb': 'activations of a training crop, MB',
  'latency_ms': 'latency, ms',
}
_MILLIONS = ('macs', 'cell_macs', 'params', 'activation_bytes')


def save(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  path: pathlib.Path,
  found: genotype_lib.Genotype | None = None,
  constant: float | None = None,
) -> None:
  """Draws the first objective against costs, the front marked.

  Against each further objective, in a panel of its own; of one objective,
  against all multiply-adds. The front is of the longest trials and of all that
  is drawn: scores of fewer steps are worse, and are paler the fewer they are.
  Architectures that chance alone chose are squares.

  Args:
    study: Names the objectives.
    trials: Those without scores are left out; without any no file is written.
    path: Of the PNG file.
    found: What the study found; None for nothing.
    constant: The first objective of a constant prediction; None if unknown.
  """
  across = study.objectives[1:] or (COST,)
  scored = [t for t in trials if t.scores and {*across} <= {*t.scores}]
  if not scored:
    return
  size = (2.5 + 4.5 * len(across), 4.5)
  picture = figure.Figure(figsize=size, layout='constrained')
  panels = picture.subplots(1, len(across), squeeze=False, sharey=True)[0]
  longest = max(scored, key=lambda t: study.fidelities.index(t.fidelity))
  full = [t for t in scored if t.fidelity == longest.fidelity]
  best = history.best_trial(study, [t for t in full if t.genotype == found])
  for axes, name in zip(panels, across):
    plane = _Plane(axes, study, name)
    _draw_all(plane, scored, history.drawn(trials))
    _draw_front(plane, full)
    if constant is not None:
      label = 'constant prediction'
      axes.axhline(constant, color='0.3', linestyle=':', label=label)
    if best is not None:
      axes.plot(
        *plane.place(best), '*', color='C3', ms=17, mec='white', label='found'
      )
    axes.set_xlabel(_TITLES.get(name, name.replace('_', ' ')))
  name = study.objectives[0]
  panels[0].set_ylabel(_TITLES.get(name, name.replace('_', ' ')))
  handles = panels[0].get_legend_handles_labels()
  picture.legend(*handles, loc='outside right upper', frameon=False)
  content = io.BytesIO()
  picture.savefig(content, format='png', dpi=150)
  files.write(path, content.getvalue())


class _Plane(NamedTuple):
  """A panel.

  Attributes:
    axes: Where it is drawn.
    study: Names the first objective, which goes up.
    across: The score that goes to the right.
  """

  axes: matplotlib_axes.Axes
  study: strategy.Study
  across: str

  def place(self, trial: strategy.Trial) -> tuple[float, float]:
    """Where a trial is: costs are in millions, but for those in ms and MB."""
    unit = 1e6 if self.across in _MILLIONS else 1
    score = trial.scores[self.study.objectives[0]]
    return trial.scores[self.across] / unit, score


def _draw_all(
  plane: _Plane,
  trials: Sequence[strategy.Trial],
  drawn: Collection[genotype_lib.Genotype],
) -> None:
  for fidelity in plane.study.fidelities:
    of_length = [t for t in trials if t.fidelity == fidelity]
    for is_random in (True, False):
      alike = [t for t in of_length if (t.genotype in drawn) == is_random]
      _draw_trials(plane, alike, is_random)


def _draw_trials(
  plane: _Plane, trials: Sequence[strategy.Trial], is_random: bool
) -> None:
  """Those of one length and kind."""
  if not trials:
    return
  fidelity = trials[0].fidelity
  level = plane.study.fidelities.index(fidelity)
  plane.axes.scatter(
    *zip(*map(plane.place, trials)),
    s=26,
    marker='s' if is_random else 'o',
    color='C7' if is_random else 'C0',
    alpha=(level + 1) / len(plane.study.fidelities),
    linewidths=0,
    label=f'{"random" if is_random else "chosen"}, {fidelity.title}',
  )


def _draw_front(plane: _Plane, trials: Sequence[strategy.Trial]) -> None:
  """A ring around each that no other is better than in all that is drawn."""
  study = plane.study
  several = len(study.objectives) > 1
  front = pareto.front(
    [
      study.losses(t) if several else (study.loss(t), plane.place(t)[0])
      for t in trials
    ]
  )
  # A line says that one plane has all of it.
  plane.axes.plot(
    *zip(*sorted(plane.place(trials[i]) for i in front)),
    'o' if len(study.objectives) > 2 else 'o--',
    color='C3',
    ms=11,
    mfc='none',
    linewidth=1,
    label='front: none is\nbetter in all'
    if len(study.objectives) > 2
    else 'front: none is\nbetter in both',
  )

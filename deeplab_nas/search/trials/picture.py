"""The picture of a study: what each trial costs, and what it scores."""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence

from matplotlib import figure

from deeplab_nas import files
from deeplab_nas.search.trials import pareto, strategy

COST = 'macs'


def save(
  study: strategy.Study,
  trials: Sequence[strategy.Trial],
  path: pathlib.Path,
) -> None:
  """Draws the first objective against all multiply-adds, the front marked.

  Args:
    study: Names the objectives.
    trials: Those without scores are left out; without any no file is written.
    path: Of the PNG file.
  """
  scored = [t for t in trials if t.scores is not None and COST in t.scores]
  if not scored:
    return
  costs = [t.scores[COST] / 1e6 for t in scored]
  front = pareto.front(
    [(study.loss(t), cost) for t, cost in zip(scored, costs)]
  )
  name = study.objectives[0]
  values = [t.scores[name] for t in scored]
  picture = figure.Figure(figsize=(6, 4), layout='constrained')
  axes = picture.subplots()
  axes.scatter(costs, values, s=16, color='0.6', label='trials')
  axes.plot(
    *zip(*sorted((costs[i], values[i]) for i in front)),
    'o-',
    color='C3',
    label='none is better in both',
  )
  axes.set_xlabel('multiply-adds of a training crop, M')
  axes.set_ylabel(name.replace('_', ' '))
  axes.legend()
  content = io.BytesIO()
  picture.savefig(content, format='png', dpi=150)
  files.write(path, content.getvalue())

"""Whether a score ranks architectures as trainings do: text, numbers, picture.

TensorFlow is not imported here.
"""

from __future__ import annotations

import functools
import io
import json
import math
import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib import figure

from deeplab_nas import files, wording
from deeplab_nas.search.ranking import agreement, references
from deeplab_nas.space import genotype as genotype_lib

# What is asked of a score to choose by it: overall; in the best fifth above 0.
LEAST_TAU = 0.3
_MOST_CHANCE = 0.05


class Ranking:
  """Scores and results of the same architectures.

  Attributes:
    found: Results of trainings.
    scores: By architecture, finite, less being better.
    results: The mean over the seeds of each, in the order of `scores`.
  """

  def __init__(
    self,
    found: references.References,
    scores: Mapping[genotype_lib.Genotype, float],
  ):
    """Takes both; scores that are not finite do not count."""
    self.found = found
    self.scores = {g: s for g, s in scores.items() if math.isfinite(s)}
    self.num_left_out = len(scores) - len(self.scores)
    self.results = [float(np.mean(found.values[g])) for g in self.scores]

  @functools.cached_property
  def overall(self) -> agreement.Tau:
    """Of all architectures."""
    return agreement.overall(list(self.scores.values()), self.results)

  @functools.cached_property
  def top_fifth(self) -> agreement.Tau:
    """Of the fifth with the best results."""
    return agreement.top_fifth(list(self.scores.values()), self.results)

  @functools.cached_property
  def ceiling(self) -> agreement.Tau | None:
    """Of two seeds of the same architecture; None where there are none."""
    return agreement.ceiling([self.found.values[g] for g in self.scores])

  def describe(self) -> str:
    """A table of the agreements, and what they say."""
    rows = [('', 'tau', '95 %', 'p', 'of')]
    rows.append(_cells('all', self.overall))
    rows.append(_cells('best fifth', self.top_fifth))
    if self.ceiling is not None:
      rows.append(_cells('two seeds', self.ceiling))
    lines = wording.aligned(rows)
    return '\n'.join([*lines, '', *self._sentences()])

  def _sentences(self) -> list[str]:
    sentences = [self.verdict()]
    if self.ceiling is None:
      sentences.append(
        'How far trainings agree with each other is unknown: fewer than'
        f' {agreement.FEW} of these architectures have a second seed.'
      )
    else:
      sentences.append(
        'Two trainings of each architecture with different seeds agree by'
        f' {self.ceiling.value:.2f}: no score can be expected to agree more'
        ' with one training of each.'
      )
    if self.num_left_out:
      sentences.append(
        f'{self.num_left_out} without a finite score are left out.'
      )
    return sentences

  def verdict(self) -> str:
    """Whether to choose architectures by the score, in a sentence."""
    overall, top = self.overall, self.top_fifth
    if overall.count < agreement.FEW:
      return (
        f'Fewer than {agreement.FEW} architectures have scores that are finite:'
        ' nothing is ranked.'
      )
    if math.isnan(overall.value):
      return 'The scores, or the results, are all equal: nothing is ranked.'
    if not overall.p_value <= _MOST_CHANCE:
      return (
        'Within chance: the scores rank these architectures no better than'
        ' numbers drawn at random may.'
      )
    if overall.value < LEAST_TAU:
      return (
        'They rank better than chance, but too weakly to choose by: a tau of'
        f' {LEAST_TAU} is asked for.'
      )
    if math.isnan(top.value):
      return (
        'They tell bad architectures from good ones; whether they rank the best'
        ' fifth, so few cannot say.'
      )
    if not top.value > 0:
      return (
        'They tell bad architectures from good ones, but do not rank the best'
        ' fifth: choose by trainings among the best scores.'
      )
    return (
      f'They can be chosen by: a tau of {LEAST_TAU} overall and one above 0 in'
      ' the best fifth is asked for.'
    )

  def save(self, path: pathlib.Path, facts: Mapping[str, Any]) -> None:
    """Writes all numbers as a JSON file; null is what is not known."""
    content = {
      'version': 1,
      **facts,
      'results': {
        'source': self.found.path,
        'score': self.found.score,
        'steps': self.found.steps,
      },
      'tau': _known(self.overall),
      'tau_of_best_fifth': _known(self.top_fifth),
      'tau_of_two_seeds': self.ceiling and _known(self.ceiling),
      'verdict': self.verdict(),
      'left_out': self.num_left_out,
      'lower_is_better': True,
      'architectures': [
        {
          'digest': genotype.digest,
          'genotype': json.loads(genotype.to_json()),
          'score': score,
          'results': self.found.values[genotype],
        }
        for genotype, score in self.scores.items()
      ],
    }
    files.write(path, json.dumps(content, indent=1) + '\n')

  def draw(self, path: pathlib.Path, name: str) -> None:
    """Draws each architecture by its score and its result.

    Args:
      path: Of the PNG file.
      name: Of the score, as the axis has it.
    """
    picture = figure.Figure(figsize=(5, 4.4), layout='constrained')
    axes = picture.subplots()
    x, y = np.array(list(self.scores.values())), np.array(self.results)
    best = agreement.top(y)
    others = np.setdiff1d(np.arange(len(y)), best)
    axes.scatter(x[others], y[others], s=14, color='C0')
    axes.scatter(
      x[best], y[best], s=18, color='C3', marker='D', label='best fifth'
    )
    axes.legend(fontsize=8)
    axes.set_xlabel(f'{_worse_by(name)} by shared weights')
    axes.set_ylabel(
      f'{_worse_by(self.found.score)} after {self.found.steps} steps'
    )
    axes.set_title(self._title(), fontsize=9)
    content = io.BytesIO()
    picture.savefig(content, format='png', dpi=130)
    files.write(path, content.getvalue())

  def _title(self) -> str:
    tau = self.overall
    title = (
      f'tau {tau.value:.2f} ({tau.low:.2f} to {tau.high:.2f}) of {tau.count},'
      f' best fifth {self.top_fifth.value:.2f}'
    )
    if self.ceiling is not None:
      title += f', two seeds {self.ceiling.value:.2f}'
    return title


def _worse_by(score: str) -> str:
  """The name of a score, with a sign where more is better."""
  name = wording.score(score)
  return f'-{name}' if score == 'miou' else name


def _cells(name: str, tau: agreement.Tau) -> tuple[str, ...]:
  def shown(value: float) -> str:
    return '-' if math.isnan(value) else f'{value:.2f}'

  p_value = '-' if math.isnan(tau.p_value) else f'{tau.p_value:.2g}'
  interval = f'{shown(tau.low)} to {shown(tau.high)}'
  if math.isnan(tau.value):
    interval = '-'
  return name, shown(tau.value), interval, p_value, str(tau.count)


def _known(tau: agreement.Tau) -> dict[str, float | None]:
  return {
    name: None if math.isnan(value) else value
    for name, value in tau._asdict().items()
  }

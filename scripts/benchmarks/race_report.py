"""What a race says: a table, and curves of regret over simulated seconds."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.stats
from matplotlib import figure, ticker

from benchmarks import contestants as contestants_lib
from benchmarks import race_records
from deeplab_nas import files

BASELINE = 'random'
_RESAMPLES = 2000


class Interval(NamedTuple):
  """A mean, and where it is with 95 % by bootstrap over runs."""

  mean: float
  low: float
  high: float

  @classmethod
  def of(cls, values: Sequence[float]) -> Interval:
    """Of at least one value; of one the interval is that value."""
    values, mean = np.asarray(values, float), float(np.mean(values))
    if len(values) < 2 or np.ptp(values) == 0:
      return cls(mean, mean, mean)
    with warnings.catch_warnings():
      warnings.simplefilter('ignore', scipy.stats.DegenerateDataWarning)
      found = scipy.stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=_RESAMPLES,
        method='percentile',
        random_state=np.random.default_rng(0),
      ).confidence_interval
    return cls(mean, float(found.low), float(found.high))


class Versus(NamedTuple):
  """A contestant against the baseline on the same landscapes.

  Attributes:
    gain: How much less its regret is.
    wins: Runs in which it is less.
    count: Runs in which it is another one.
    p: Two-sided, of the exact sign test.
  """

  gain: Interval
  wins: int
  count: int
  p: float

  @classmethod
  def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> Versus:
    """Of regrets in the same order of runs."""
    differences = np.subtract(theirs, ours)
    wins, losses = int(np.sum(differences > 0)), int(np.sum(differences < 0))
    count = wins + losses
    p = scipy.stats.binomtest(wins, count).pvalue if count else 1.0
    return cls(Interval.of(differences), wins, count, float(p))


def table(
  records: race_records.Records,
  contestants: Sequence[str],
  columns: Sequence[int],
) -> Iterator[str]:
  """Lines of Markdown, the least regret at the end first.

  Args:
    records: Of the race.
    contestants: Their texts; those without a run are left out. To be compared,
      `BASELINE` among them.
    columns: Indices of the times at which regrets are shown.
  """
  times, found = records.facts['times'], _found(records, contestants)
  baseline = found.get(BASELINE, {})
  heads = [f'regret at {duration(times[i])}' for i in columns]
  yield (
    f'| strategy | runs | {" | ".join(heads)} | better, of the space'
    f' | less than {BASELINE} by | on | p | trials |'
  )
  yield '|---' * (len(columns) + 7) + '|'
  for contestant in sorted(
    found,
    key=lambda c: np.mean([r.regrets[-1] for r in found[c].values()]),
  ):
    of_it = list(found[contestant].values())
    cells = [
      spread(Interval.of([record.regrets[i] for record in of_it]))
      for i in columns
    ]
    share = float(np.median([record.shares[-1] for record in of_it]))
    cells.append(f'{100 * share:.2g} %')
    both = [run for run in found[contestant] if run in baseline]
    if contestant != BASELINE and both:
      against = Versus.of(
        [found[contestant][run].regrets[-1] for run in both],
        [baseline[run].regrets[-1] for run in both],
      )
      cells += [
        spread(against.gain),
        f'{against.wins} of {against.count}',
        f'{against.p:.2g}',
      ]
    else:
      cells += ['', '', '']
    cells.append(_trials(of_it))
    yield f'| `{contestant}` | {len(of_it)} | {" | ".join(cells)} |'


def _found(
  records: race_records.Records, contestants: Sequence[str]
) -> dict[str, dict[int, race_records.Record]]:
  """The runs of each that has some."""
  found = {contestant: records.of(contestant) for contestant in contestants}
  return {contestant: runs for contestant, runs in found.items() if runs}


def spread(found: Interval) -> str:
  """'0.0123 (0.0110 to 0.0137)', of losses."""
  return f'{found.mean:.4f} ({found.low:.4f} to {found.high:.4f})'


def duration(seconds: float) -> str:
  """'30 min', '90 s'."""
  minutes = seconds / 60
  return f'{minutes:.3g} min' if minutes >= 2 else f'{seconds:.3g} s'


def _trials(records: Sequence[race_records.Record]) -> str:
  """'60 of 25 steps, 12 of 400', means."""
  steps = sorted({int(k) for record in records for k in record.num_trials})
  means = [
    np.mean([record.num_trials.get(str(k), 0) for record in records])
    for k in steps
  ]
  return ', '.join(f'{mean:.0f} of {k}' for k, mean in zip(steps, means))


def save_picture(
  records: race_records.Records,
  contestants: Sequence[str],
  path: str | os.PathLike[str],
) -> None:
  """Draws mean regrets with their intervals, and shares of the space.

  Args:
    records: Of the race.
    contestants: Their texts; those without a run are left out.
    path: Of the PNG file.
  """
  times = np.array(records.facts['times']) / 60
  picture = figure.Figure(figsize=(11.5, 4.8), layout='constrained')
  left, right = picture.subplots(1, 2)
  found = _found(records, contestants)
  means = {
    contestant: np.mean([record.regrets for record in runs.values()], axis=0)
    for contestant, runs in found.items()
  }
  best = min(means, key=lambda contestant: means[contestant][-1], default=None)
  for contestant, style in _styles(list(found)).items():
    runs = found[contestant].values()
    left.plot(times, means[contestant], **style)
    if contestant in (BASELINE, best):
      spreads = [Interval.of(c) for c in zip(*(run.regrets for run in runs))]
      left.fill_between(
        times,
        [each.low for each in spreads],
        [each.high for each in spreads],
        color=style['color'],
        alpha=0.15,
        linewidth=0,
      )
    shares = np.median([run.shares for run in runs], axis=0)
    right.plot(times, 100 * shares, **style)
  left.set_ylabel('mean regret; of two 95 % by bootstrap')
  right.set_ylabel('better architectures in the space, %, median')
  for axes in (left, right):
    axes.set_xlabel('simulated minutes')
    axes.set_xscale('log')
    ticks = [t for t in (1, 2, 5, 10, 20, 30, 60, 120, 240) if t <= times[-1]]
    axes.set_xticks([t for t in ticks if t >= times[0]], minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter('{x:g}')
    axes.grid(alpha=0.3, which='both')
  right.set_yscale('log')
  right.yaxis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)))
  right.yaxis.set_major_formatter('{x:g}')
  right.yaxis.set_minor_formatter('')
  right.legend(fontsize=7, loc='upper left', bbox_to_anchor=(1.02, 1))
  content = io.BytesIO()
  picture.savefig(content, format='png', dpi=130)
  files.write(path, content.getvalue())


def _styles(texts: Sequence[str]) -> dict[str, dict[str, Any]]:
  """How each is drawn, a strategy in one colour in all pictures.

  The baseline is last, above the others, since some begin as it does.
  """
  names = [name for name in contestants_lib.everyone() if name != BASELINE]
  drawn: dict[str, dict[str, Any]] = {}
  for text in sorted(texts, key=lambda text: text == BASELINE):
    name = text.partition(':')[0]
    alike = sum(other.partition(':')[0] == name for other in drawn)
    drawn[text] = {
      'color': 'black' if name == BASELINE else f'C{names.index(name) % 10}',
      'linestyle': ('-', '--', ':', '-.')[alike % 4],
      'label': text,
    }
  return drawn

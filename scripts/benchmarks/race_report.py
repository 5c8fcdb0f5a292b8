"""What a race says: a table, and curves of regret over simulated seconds."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import scipy.stats
from matplotlib import figure

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
  picture = figure.Figure(figsize=(11.5, 4.2), layout='constrained')
  left, right = picture.subplots(1, 2)
  for number, (contestant, runs) in enumerate(
    _found(records, contestants).items()
  ):
    regrets = np.array([record.regrets for record in runs.values()])
    shares = np.array([record.shares for record in runs.values()])
    style = {
      'color': 'black' if contestant == BASELINE else f'C{number % 10}',
      'linestyle': ('-', '--', ':')[number // 10 % 3],
      'label': contestant,
    }
    found = [Interval.of(column) for column in regrets.T]
    left.plot(times, [each.mean for each in found], **style)
    left.fill_between(
      times,
      [each.low for each in found],
      [each.high for each in found],
      color=style['color'],
      alpha=0.12,
      linewidth=0,
    )
    right.plot(times, 100 * np.median(shares, axis=0), **style)
  left.set_ylabel('mean regret, and 95 % of bootstrap')
  right.set_ylabel('better architectures in the space, %, median')
  for axes in (left, right):
    axes.set_xlabel('simulated minutes')
    axes.set_xscale('log')
    ticks = [t for t in (1, 2, 5, 10, 20, 30, 60, 120, 240) if t <= times[-1]]
    axes.set_xticks([t for t in ticks if t >= times[0]], minor=False)
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter('{x:g}')
    axes.grid(alpha=0.3, which='both')
  left.set_ylim(bottom=0)
  right.set_yscale('log')
  right.yaxis.set_major_formatter('{x:g}')
  right.yaxis.set_minor_formatter('{x:g}')
  right.legend(fontsize=7, loc='upper left', bbox_to_anchor=(1.02, 1))
  content = io.BytesIO()
  picture.savefig(content, format='png', dpi=130)
  files.write(path, content.getvalue())

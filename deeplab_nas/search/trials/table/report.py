"""The analysis of the table as text, and its picture."""

from __future__ import annotations

import io
import itertools
import pathlib
from collections.abc import Callable, Iterator

import numpy as np
from matplotlib import figure

from deeplab_nas import errors, files
from deeplab_nas.search.trials.learnt import features as features_lib
from deeplab_nas.search.trials.table import analysis, plan, space, surrogate
from deeplab_nas.search.trials.table import rows as rows_lib
from deeplab_nas.space import genotype as genotype_lib

# Architectures that an analysis needs.
_FEWEST = 3
SCORES = ('cross_entropy', 'miou', 'loss_sum')
# Of `features.Features`, those that rank by themselves.
_SIMPLE = (
  *(f'share of level {level}' for level in range(4)),
  *('mean level', 'last level', 'turns', 'depth'),
)


def describe(
  table: rows_lib.Table,
  synflow: Callable[[genotype_lib.Genotype], float] | None = None,
) -> str:
  """All that the table says of itself, in Markdown.

  Args:
    table: With scores of several architectures at each fidelity.
    synflow: Computes it for an architecture; None to leave it out.

  Raises:
    UserError: If there are fewer.
  """
  for steps in table.protocol.steps:
    known = {
      row.key.genotype for row in table if row.key.steps == steps and row.scores
    }
    errors.require(
      len(known) >= _FEWEST,
      f'The table has scores of {len(known)} architectures after {steps} steps,'
      f' expected {_FEWEST} or more: build more.',
    )
  lines = [
    *_counts(table),
    *_noise(table),
    *_fidelities(table),
    *_shares(table),
    *_predictors(table, synflow),
  ]
  return '\n'.join(lines)


def _counts(table: rows_lib.Table) -> Iterator[str]:
  wanted = list(plan.keys(table.protocol))
  have = [key for key in wanted if key in table.rows]
  failed = sum(row.failure is not None for row in table)
  randoms, again = set(plan.randoms()), set(plan.repeated())
  full = [k for k in table.rows if k.steps == table.protocol.steps[-1]]
  drawn = {k.genotype for k in full} & randoms
  seeds = [
    sum(k.genotype == genotype for k in full) - 1 for genotype in drawn & again
  ]
  on_grid = [k for k in full if k.genotype not in randoms]
  cells = np.prod(plan.GRID) * plan.GRID_SEEDS
  yield f'{len(have)} of {len(wanted)} rows, {failed} failed; full trials of:'
  yield ''
  yield f'- {len(drawn)} of {plan.NUM_RANDOM} random architectures;'
  yield (
    f'- of these {sum(more >= 1 for more in seeds)} with a second seed and'
    f' {sum(more >= plan.MORE_SEEDS for more in seeds)} of'
    f' {plan.NUM_REPEATED} with all {plan.MORE_SEEDS} further ones;'
  )
  yield f'- {len(on_grid)} of {cells} trials of the grid.'
  yield ''


def _drawn(scores: analysis.Scores) -> analysis.Scores:
  """Of the random architectures: those of the grid share paths and cells."""
  randoms = set(plan.randoms())
  return {g: values for g, values in scores.items() if g in randoms}


def _noise(table: rows_lib.Table) -> Iterator[str]:
  yield (
    '| score | steps | sd of architectures | of seeds | reliability'
    ' | tau of seeds by it | as counted | of |'
  )
  yield '|---|---|---|---|---|---|---|---|'
  for name, steps in itertools.product(SCORES, table.protocol.steps):
    noise = analysis.noise(_drawn(analysis.scores(table, name, steps)))
    ends = [noise.reliability, *noise.interval]
    tau, _, count = noise.agreement
    yield (
      f'| {name} | {steps} | {_number(noise.architectures, ".3g")} |'
      f' {_number(noise.seeds, ".3g")} |'
      f' {_spread(*ends)} | {_spread(*map(analysis.tau_of, ends))} |'
      f' {_number(tau)} | {count} |'
    )
  yield ''


def _number(value: float, form: str = '.2f') -> str:
  return '-' if np.isnan(value) else f'{value:{form}}'


def _spread(value: float, low: float, high: float) -> str:
  interval = '' if np.isnan(low) else f' ({low:.2f} to {high:.2f})'
  return _number(value) + interval


def _fidelities(table: rows_lib.Table) -> Iterator[str]:
  full = table.protocol.steps[-1]
  target = _drawn(analysis.scores(table, 'cross_entropy', full))
  yield (
    f'| ranks cross-entropy after {full} steps | tau | correlation | of |'
    ' tau, other seed | of |'
  )
  yield '|---|---|---|---|---|---|'
  for name, steps in itertools.product(SCORES, table.protocol.steps):
    if (name, steps) == ('cross_entropy', full):
      continue
    other = _drawn(analysis.scores(table, name, steps))
    found = analysis.between(other, target)
    crossed = analysis.crossed(other, target)
    yield (
      f'| {name} after {steps} | {_spread(found.tau, *found.interval)} |'
      f' {_number(found.correlation)} | {found.count} |'
      f' {_number(crossed.tau)} | {crossed.count} |'
    )
  yield ''


def _shares(table: rows_lib.Table) -> Iterator[str]:
  full = table.protocol.steps[-1]
  paths, cells = plan.grid()
  yield '| shares of the variance | path | cell | both | own | seed |'
  yield '|---|---|---|---|---|---|'
  for name in SCORES[:2]:
    found = analysis.grid_shares(
      analysis.scores(table, name, full), paths, cells
    )
    if found is not None:
      size = f'{found.num_paths} x {found.num_cells} x {found.num_seeds}'
      yield (
        f'| {name}, grid of {size} | {found.path:.2f} | {found.cell:.2f} |'
        f' {found.both:.2f} | | {found.seed:.2f} |'
      )
  for name in SCORES[:2]:
    parameters = surrogate.Surrogate(table, name).parameters
    signal = 1 - parameters.noise[-1]
    shares = ' | '.join(f'{signal * x:.2f}' for x in parameters.shares)
    yield f'| {name}, surrogate | {shares} | {parameters.noise[-1]:.2f} |'
  yield ''


def _predictors(table: rows_lib.Table, synflow) -> Iterator[str]:
  found = analysis.scores(table, 'cross_entropy', table.protocol.steps[-1])
  found = _drawn(found)
  costs = {row.key.genotype: row.scores for row in table if row.scores}
  described = features_lib.Features(space.SPACE)
  columns = {name: described.names.index(name) for name in _SIMPLE}
  features = {
    'parameters': lambda g: costs[g]['params'],
    'multiply-adds': lambda g: costs[g]['macs'],
    'activations': lambda g: costs[g]['activation_bytes'],
    **{
      name: lambda g, i=i: described([g])[0, i] for name, i in columns.items()
    },
  }
  if synflow is not None:
    features['synflow'] = synflow
  ranks = analysis.predictors(found, features, lambda g: costs[g]['macs'])
  yield '| without a trial | tau | partial, given multiply-adds | of |'
  yield '|---|---|---|---|'
  for name, (raw, partial, count) in ranks.items():
    given = '' if name == 'multiply-adds' else _number(partial)
    yield f'| {name} | {_number(raw)} | {given} | {count} |'
  yield ''
  yield (
    f'Of {len(found)} architectures, unrelated numbers have a tau beyond'
    f' {analysis.chance(len(found)):.2f} once in twenty times.'
  )


def save_picture(table: rows_lib.Table, path: pathlib.Path) -> None:
  """Draws seeds against each other, and fidelities.

  Args:
    table: See `describe`.
    path: Of the PNG file.
  """
  steps = table.protocol.steps
  picture = figure.Figure(figsize=(9, 3.2), layout='constrained')
  all_axes = picture.subplots(1, len(steps))
  full = _drawn(analysis.scores(table, 'cross_entropy', steps[-1]))
  for axes, length in zip(all_axes[:-1], steps):
    short = _drawn(analysis.scores(table, 'cross_entropy', length))
    both = [g for g in short if g in full]
    x, y = (
      [np.mean(list(scores[g].values())) for g in both]
      for scores in (short, full)
    )
    axes.scatter(x, y, s=12)
    _label(axes, analysis.Agreement.of(x, y))
    axes.set_xlabel(f'cross-entropy after {length} steps')
    axes.set_ylabel(f'after {steps[-1]} steps')
  axes = all_axes[-1]
  pairs = [list(v.values())[:2] for v in full.values() if len(v) > 1]
  if pairs:
    x, y = zip(*pairs)
    axes.scatter(x, y, s=12, color='C1')
    _label(axes, analysis.Agreement.of(x, y))
  axes.set_xlabel(f'after {steps[-1]} steps, one seed')
  axes.set_ylabel('another seed')
  content = io.BytesIO()
  picture.savefig(content, format='png', dpi=130)
  files.write(path, content.getvalue())


def _label(axes, found: analysis.Agreement) -> None:
  axes.set_title(f'tau {_number(found.tau)} ({found.count})', fontsize=9)

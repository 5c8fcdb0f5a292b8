"""What `arch_evidence` has measured, in words.

"Undetermined" says that noise would have done the same. It is said of alpha and
beta, of each connection and layer, and of the architecture as a whole.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from deeplab_nas import wording
from deeplab_nas.report import arch_evidence, decode_agreement
from deeplab_nas.space import arch_weights, canonical, decode, search_space

_WIDTH = 79
UNMEASURED = 'Whether the search learnt more than noise was not measured.'
_ADVICE = (
  'What helps is signal: more steps of the architecture (search.epochs, a'
  ' smaller search.arch_start_epoch), larger batches (data.batch_size), more'
  ' images. A higher search.arch_learning_rate helps noise as much. Or do'
  ' without a search: train some random architectures briefly, and take the'
  ' best.'
)
# Halves that agree by less, in standard deviations of noise, are worth a word.
_DOUBT = 2.0


def describe(
  evidence: arch_evidence.Evidence | None,
  weights: arch_weights.ArchWeights,
  space: search_space.SearchSpace,
  path: Sequence[int],
  agreement: tuple[int, decode_agreement.Agreement] | None = None,
) -> str:
  """The part of a search's summary that says what it decided.

  Args:
    evidence: What was measured; None if nothing was.
    weights: Arrays `op` [E, K] and `transition` [L, S, 3], at the end.
    space: The search space.
    path: The decoded one.
    agreement: Of the last epochs' decodes, see `decode_agreement.of_last`.
  """
  if evidence is None:
    return UNMEASURED
  lines = [
    f'Signal or noise, by {wording.counted(evidence.num_steps, "step")} and'
    f' {evidence.num_walks} random walks with their gradients:',
    *map(_drift, evidence.drifts, evidence.drifts.values()),
  ]
  lines += [
    f'  {name}: the loss sees nothing of it in this space'
    for name in ('alpha', 'beta')
    if name not in evidence.drifts
  ]
  if evidence.halves:
    halves = ', '.join(map(_half, evidence.halves, evidence.halves.values()))
    lines += _wrapped(f'gradients of halves of split B correlate by {halves}')
  if agreement is not None:
    count, shares = agreement
    lines += _wrapped(
      f'the {wording.counted(count, "epoch")} before decoded to'
      f' {100 * shares.connections:.0f} % of the connections and'
      f' {100 * shares.layers:.0f} % of the layers'
    )
  lines += [*_decisions(evidence, weights, space, path), *_verdict(evidence)]
  return '\n'.join(lines)


def _wrapped(text: str) -> list[str]:
  return textwrap.wrap(
    text, _WIDTH, initial_indent='  ', subsequent_indent='    '
  )


def _drift(name: str, drift: arch_evidence.Against) -> str:
  word = 'learnt' if drift.signal >= arch_evidence.SIGNAL else 'undetermined'
  return (
    f'  {name:<5} moved by {drift.value:.4f}, noise by {drift.mean:.4f} +-'
    f' {drift.stddev:.4f} ({drift.signal:+.1f} sd): {word}'
  )


def _half(name: str, agreement: arch_evidence.Against) -> str:
  return f'{agreement.value:.2f} ({name}; noise +-{agreement.stddev:.2f})'


def _decisions(
  evidence: arch_evidence.Evidence,
  weights: arch_weights.ArchWeights,
  space: search_space.SearchSpace,
  path: Sequence[int],
) -> list[str]:
  """Each block and layer, with a mark where it is decided."""
  count, total = evidence.decided
  cells = int(evidence.connections.sum()), int(evidence.open_connections.sum())
  layers = int(evidence.layers.sum()), int(evidence.open_layers.sum())
  share = 100 * count / total if total else 100
  lines = [
    f'Decided are {count} of {total} choices ({share:.0f} %):'
    f' {cells[0]} of {cells[1]} connections, {layers[0]} of {layers[1]} layers.'
    ' Below:',
    '* decided, ? undetermined.',
  ]
  cell = decode.decode_cell(weights.op, space.cell)
  order = canonical.block_order(cell)
  names = {f'block_{block}': f'block_{i}' for i, block in enumerate(order)}
  for i, block in enumerate(order):
    terms = [
      f'{names.get(source, source)} {primitive}{mark}'
      for (source, primitive), mark in zip(
        cell[block],
        _marks(evidence.connections[block], evidence.open_connections[block]),
      )
    ]
    lines.append(f'  block_{i}: {", ".join(terms)}')
  marks = _marks(evidence.layers, evidence.open_layers)
  strides = [
    f'{space.lattice.strides[level]}{mark}' for level, mark in zip(path, marks)
  ]
  return [*lines, f'  strides of the layers: {" ".join(strides)}']


def _marks(decided: np.ndarray, is_open: np.ndarray) -> list[str]:
  """'*', '?', or '' where there was no choice."""
  return [
    ('*' if each else '?') if open_ else ''
    for each, open_ in zip(decided, is_open)
  ]


def _why(evidence: arch_evidence.Evidence) -> str:
  """What an undetermined architecture lacks."""
  if evidence.learnt:
    return (
      f'{" and ".join(evidence.learnt)} learnt something, but too little to'
      ' decide a single choice'
    )
  return 'noise alone would have led as far'


def _verdict(evidence: arch_evidence.Evidence) -> list[str]:
  """The architecture as a whole, and what to do."""
  count, total = evidence.decided
  if not total:
    text = 'The space holds one architecture, so that there was no choice.'
  elif evidence.is_undetermined:
    text = (
      f'This architecture is undetermined: {_why(evidence)}. Another seed would'
      ' find another one; expect no more of it than of one drawn at random.'
      f' {_ADVICE}'
    )
  elif count < total:
    text = (
      'The rest is undetermined: another seed would give it otherwise.'
      f' {_ADVICE}'
    )
  else:
    text = 'All of it was decided by the loss and not by noise.'
  doubtful = [
    name
    for name in evidence.learnt
    if name in evidence.halves and evidence.halves[name].signal < _DOUBT
  ]
  if doubtful:
    text += (
      f' Halves of split B do not confirm {" and ".join(doubtful)}: what it'
      ' learnt may hold for these images alone.'
    )
  return textwrap.wrap(text, _WIDTH)

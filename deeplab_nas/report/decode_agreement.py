"""How much of the decoded architecture stays from epoch to epoch.

Blocks are compared in the supernet's order. A genotype's own order is
canonical, in which one other operation may rename every block.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from deeplab_nas.report import arch_state
from deeplab_nas.space import decode

# Of a line of metrics.jsonl: what was decoded, to compare it with later.
KEY = 'decoded'


class Agreement(NamedTuple):
  """Shares that two architectures have in common, in 0..1.

  Attributes:
    connections: Of the cell's connections: source and operation.
    layers: Of the path's layers: level.
  """

  connections: float
  layers: float


def record(state: arch_state.ArchState) -> dict[str, Any]:
  """What a state decodes to, as JSON has it.

  Returns:
    'cell', for each block of the supernet its connections as [source,
    primitive], and 'path', the level of each layer.
  """
  cell = decode.decode_cell(state.weights.op, state.space.cell)
  return {
    'cell': [[list(connection) for connection in block] for block in cell],
    'path': list(state.genotype.path),
  }


def between(a: Mapping[str, Any], b: Mapping[str, Any]) -> Agreement:
  """How far two records of one space agree."""
  connections = [
    connection in other
    for block, other in zip(a['cell'], b['cell'])
    for connection in block
  ]
  layers = [x == y for x, y in zip(a['path'], b['path'])]
  return Agreement(
    sum(connections) / len(connections), sum(layers) / len(layers)
  )


def numbers(
  state: arch_state.ArchState, lines: Sequence[Mapping[str, Any]]
) -> dict[str, float]:
  """Agreement with the epoch before, by the names of the metrics.

  Args:
    state: After an epoch.
    lines: Of the metrics of the epochs before it.
  """
  if not lines or KEY not in lines[-1]:
    return {}
  agreement = between(record(state), lines[-1][KEY])
  return {
    'connections_as_before': agreement.connections,
    'layers_as_before': agreement.layers,
  }


def of_last(
  lines: Sequence[Mapping[str, Any]], num_epochs: int
) -> tuple[int, Agreement] | None:
  """Mean agreement of the epochs before the last one with it.

  Args:
    lines: Of the metrics of all epochs.
    num_epochs: How many to look at.

  Returns:
    How many there were, and the means; None without any.
  """
  records = [line[KEY] for line in lines if KEY in line]
  before = records[-1 - num_epochs : -1]
  if not before:
    return None
  shares = [between(records[-1], record_) for record_ in before]
  means = (sum(values) / len(shares) for values in zip(*shares))
  return len(before), Agreement(*means)

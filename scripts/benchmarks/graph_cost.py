"""Floating-point operations and nodes of a traced function.

Those of convolutions and matrix products, from static shapes, a multiply-add
counted as two. TensorFlow's own profiler looks into no function and knows no
gradient of a depthwise convolution.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterable, Iterator

import tensorflow as tf

from benchmarks import op_flops


@dataclasses.dataclass(frozen=True)
class GraphCost:
  """What a step computes, as it was traced.

  Attributes:
    flops: Floating-point operations of convolutions and matrix products that
      the results depend on. Of the branches of a condition the dearest counts,
      of a loop one round.
    num_unknown: Such operations left out because a size is not static: if not
      0, `flops` is too low.
    num_nodes: Of the graph itself.
    num_functions: Different functions that it calls, directly or not.
    num_function_nodes: Nodes of these, each function counted once.
  """

  flops: int
  num_unknown: int
  num_nodes: int
  num_functions: int
  num_function_nodes: int

  def facts(self) -> dict[str, int]:
    """For a `Job`."""
    names = {
      'num_unknown': 'flops_unknown_ops',
      'num_nodes': 'graph_nodes',
      'num_functions': 'graph_functions',
      'num_function_nodes': 'graph_function_nodes',
    }
    values = dataclasses.asdict(self)
    return {names.get(name, name): value for name, value in values.items()}


def count(function: tf.types.experimental.ConcreteFunction) -> GraphCost:
  """The cost of one call."""
  graph = function.graph
  flops, num_unknown = _Counter().cost(graph, range(len(graph.outputs)))
  functions = {}
  _find_functions(graph, functions)
  return GraphCost(
    flops,
    num_unknown,
    num_nodes=len(graph.get_operations()),
    num_functions=len(functions),
    num_function_nodes=sum(
      len(inner.get_operations()) for inner in functions.values()
    ),
  )


_CALLS = ('PartitionedCall', 'StatefulPartitionedCall')
_CONDITIONS = ('If', 'StatelessIf', 'Case', 'StatelessCase')
_LOOPS = ('While', 'StatelessWhile')


class _Counter:
  """Adds up what results depend on, as the runtime prunes the rest.

  A cost is a pair: operations, and how many of them have no static size.
  """

  def __init__(self):
    self._known = {}  # (function, outputs) -> cost

  def cost(self, graph: tf.Graph, outputs: Iterable[int]) -> tuple[int, int]:
    """The cost of some outputs of a function's graph."""
    flops = num_unknown = 0
    for op, used in _live(graph, outputs):
      if op.type in op_flops.FORMULAS:
        value = op_flops.count(op)
        cost = (0, 1) if value is None else (value, 0)
      else:
        cost = self._inside(op, used)
      flops += cost[0]
      num_unknown += cost[1]
    return flops, num_unknown

  def _inside(self, op: tf.Operation, used: set[int]) -> tuple[int, int]:
    """The cost of what an operation calls."""
    if op.type not in (*_CALLS, *_CONDITIONS, *_LOOPS):
      return 0, 0
    costs = []
    for name in _called(op):
      graph = _function_graph(op.graph, name)
      # What a loop does not return may be needed by its next round.
      is_loop = op.type in _LOOPS
      outputs = range(len(graph.outputs)) if is_loop else used
      key = name, frozenset(outputs)
      if key not in self._known:
        self._known[key] = self.cost(graph, outputs)
      costs.append(self._known[key])
    if op.type in _CONDITIONS:
      return max(costs)
    return tuple(map(sum, zip(*costs)))


def _live(
  graph: tf.Graph, outputs: Iterable[int]
) -> list[tuple[tf.Operation, set[int]]]:
  """Operations that outputs depend on, and which of theirs these use."""
  used = collections.defaultdict(set)  # name -> numbers of outputs
  found = {}
  waiting = list(graph.control_outputs)

  def use(tensor: tf.Tensor) -> None:
    used[tensor.op.name].add(tensor.value_index)
    waiting.append(tensor.op)

  for i in outputs:
    use(graph.outputs[i])
  while waiting:
    op = waiting.pop()
    if op.name not in found:
      found[op.name] = op
      waiting.extend(op.control_inputs)
      for tensor in op.inputs:
        use(tensor)
  return [(op, used[name]) for name, op in found.items()]


def _called(op: tf.Operation) -> Iterator[str]:
  """Names of the functions that an operation refers to."""
  for name, attribute in op.node_def.attr.items():
    if name.startswith('_'):  # a mark, which names what is not called
      continue
    if attribute.HasField('func'):
      yield attribute.func.name
    for function in attribute.list.func:
      yield function.name


def _function_graph(graph: tf.Graph, name: str) -> tf.Graph:
  return graph._get_function(name).graph


def _find_functions(graph: tf.Graph, found: dict[str, tf.Graph]) -> None:
  """Adds the functions that a graph calls, directly or not, by name."""
  for op in graph.get_operations():
    for name in _called(op):
      if name not in found:
        found[name] = _function_graph(graph, name)
        _find_functions(found[name], found)

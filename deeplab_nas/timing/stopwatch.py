"""Times many operations in one graph, by time stamps between them.

Called one by one, small operations would take as long as the calls do. In one
graph they are executed as in a network: one after the other, by the same
executor, fused in the same way, with an input that has just been computed and
weights that others have driven out of the nearest cache.

    x -> operation -> one number of its output -> time stamp -> the next x

The next x is a product with that number, so that nothing starts early. What the
product, the number and the stamp take is timed too, without an operation, and
taken off.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from deeplab_nas.space import operations
from deeplab_nas.timing import layers

WARM_UP_RUNS = 3
# Shortest time that is believed, in milliseconds.
_LEAST = 1e-3
_MAX_SECONDS = 20
_MIN_RUNS = 3
_Size = tuple[int, int, int]  # height, width, channels


def measure(
  ops: Sequence[operations.Operation], repeats: int, winograd: bool = False
) -> dict[operations.Operation, float]:
  """Milliseconds of operations: medians over runs.

  Args:
    ops: Different ones, some dozen.
    repeats: Timed runs; fewer where they take long.
    winograd: See `layers.build`.
  """
  computed = {op: layers.build(op, winograd) for op in ops}
  extras = {x.extra for x in computed.values() if x.extra} - computed.keys()
  computed.update({op: layers.build(op) for op in extras})
  with all_dependencies():
    run = graph(computed)
    for _ in range(WARM_UP_RUNS):
      run()
    start, rows = time.perf_counter(), []
    while len(rows) < repeats:
      rows.append(run())
      is_late = time.perf_counter() - start > _MAX_SECONDS
      if is_late and len(rows) >= _MIN_RUNS:
        break
  medians = 1e3 * np.median(np.diff(rows), axis=0)
  return {op: ms for op, ms in split(computed, medians).items() if op in ops}


def split(
  computed: dict[operations.Operation, layers.Computed], medians: np.ndarray
) -> dict[operations.Operation, float]:
  """The time of each operation from that of all steps, in milliseconds."""
  sizes = _sizes(computed)
  empty = dict(zip(sizes, medians))
  whole = {
    op: ms - empty[_size(op)] for op, ms in zip(computed, medians[len(sizes) :])
  }
  return {
    op: max(float(whole[op] - whole.get(x.extra, 0)) / x.times, _LEAST)
    for op, x in computed.items()
  }


def graph(computed: dict[operations.Operation, layers.Computed]):
  """A function without arguments that gives all time stamps, float64 [N]."""
  sizes = _sizes(computed)
  inputs = [tf.random.normal([1, *size]) for size in sizes]
  outputs = [tf.constant([op.height, op.width]) for op in computed]

  def stamps(inputs, outputs):
    by_size = dict(zip(sizes, inputs))
    steps = [(size, lambda x, size: x, None) for size in sizes]
    steps += [
      (_size(op), x.function, output)
      for (op, x), output in zip(computed.items(), outputs)
    ]
    number, found = tf.constant(0.0), [tf.timestamp()]
    for size, function, output in steps:
      with tf.control_dependencies(found[-1:]):
        x = by_size[size] * (1 + 1e-6 * number)
      number = function(x, output)[0, 0, 0, 0]
      with tf.control_dependencies([number]):
        found.append(tf.timestamp())
    return tf.stack(found)

  # As in an export, sizes are not known before images come.
  traced = tf.function(
    stamps,
    autograph=False,
    input_signature=[
      [tf.TensorSpec([1, None, None, size[-1]]) for size in sizes],
      [tf.TensorSpec([2], tf.int32)] * len(outputs),
    ],
  ).get_concrete_function()
  return lambda: traced(inputs, outputs).numpy()


def _sizes(computed: dict[operations.Operation, layers.Computed]):
  """Of all inputs, each once."""
  return sorted(set(map(_size, computed)))


def _size(op: operations.Operation) -> _Size:
  return *op.input_size, op.in_channels


@contextlib.contextmanager
def all_dependencies() -> Iterator[None]:
  """Has TensorFlow keep the order of time stamps, which carry no data."""
  options = tf.config.optimizer.get_experimental_options()
  name = 'dependency_optimization'
  tf.config.optimizer.set_experimental_options({name: False})
  try:
    yield
  finally:
    before = options.get(name, True)
    tf.config.optimizer.set_experimental_options({name: before})

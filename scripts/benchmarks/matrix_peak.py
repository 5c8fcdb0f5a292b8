"""The speed of one large matrix product: what a machine can reach."""

from __future__ import annotations

from benchmarks import case as case_lib
from benchmarks import comparison

_SIZE = 4096
_NUM_RUNS = 5


def build(size: int) -> case_lib.Job:
  """A float32 product of square matrices, on all cores."""
  import tensorflow as tf

  left, right = (
    tf.random.stateless_normal([size, size], [0, i]) for i in (1, 2)
  )
  product = tf.function(lambda: tf.matmul(left, right))
  return case_lib.Job(
    lambda: product()[0, 0].numpy(), lambda: {'flops': 2 * size**3}
  )


def flops_per_second(size: int = _SIZE, num_runs: int = _NUM_RUNS) -> float:
  """That of the fastest of several products, in a process of its own."""
  case = case_lib.Case('matrix_peak', build, {'size': size})
  (result,) = comparison.compare([case], num_runs)
  return result.facts['flops'] / min(result.seconds)

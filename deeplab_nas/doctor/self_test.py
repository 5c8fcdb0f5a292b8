"""A search of two steps on a tiny space: does it compute, and rightly?"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from deeplab_nas.doctor import finding
from deeplab_nas.doctor.finding import Finding

if TYPE_CHECKING:
  import numpy as np
  import tensorflow as tf

  from deeplab_nas.nn.supernet import supernet as supernet_lib
  from deeplab_nas.search.relaxed import searcher as searcher_lib
  from deeplab_nas.space import arch_weights, search_space

STRATEGY = 'first_order'
_SIZE = 33
_NUM_CLASSES = 3
# Of the largest value: what the order of summation changes in float32.
_TOLERANCE = 1e-3
_REMEDY = (
  'Trust no search on this machine: install TensorFlow again, and if that does'
  ' not help, report it with this whole output.'
)


class Measured(NamedTuple):
  """What the steps gave.

  Attributes:
    losses: Of the weight step and of the architecture step.
    difference: Of the fast path from the readable one, in logits and
      gradients, relative to the largest; None if there is no fast path.
    seconds: Time of everything.
  """

  losses: tuple[float, float]
  difference: float | None
  seconds: float


def supernet(strategy: str = STRATEGY) -> Finding:
  """Whether both steps of a strategy's search compute what they should."""
  import numpy as np

  generator = np.random.default_rng(0)
  images = generator.uniform(0, 255, (2, _SIZE, _SIZE, 3))
  return judge(measure(images, strategy))


def judge(measured: Measured) -> Finding:
  """Whether losses are finite and both paths agree."""
  if not all(map(math.isfinite, measured.losses)):
    values = ' and '.join(map(str, measured.losses))
    return Finding(finding.FAIL, f'losses are {values}', _REMEDY)
  text = (
    'a step of the weights and one of the architecture in'
    f' {measured.seconds:.1f} s, losses finite'
  )
  if measured.difference is None:
    return Finding(finding.OK, f'{text}; there is no fast path to compare')
  if not measured.difference < _TOLERANCE:
    return Finding(
      finding.FAIL,
      f'the fast path differs by {measured.difference:.1g} of the largest'
      ' value from the readable one',
      _REMEDY,
    )
  return Finding(finding.OK, f'{text}, fast path equal to the readable one')


def measure(images: np.ndarray, strategy: str = STRATEGY) -> Measured:
  """One step of each kind through the real searcher.

  Args:
    images: [B, H, W, 3] in [0, 255]; the labels are by brightness.
    strategy: Whose steps they are.
  """
  import tensorflow as tf

  from deeplab_nas.config import config as config_lib
  from deeplab_nas.search.relaxed import searcher as searcher_lib

  start = time.monotonic()
  tf.keras.utils.set_random_seed(0)
  searcher = searcher_lib.Searcher(
    _space(),
    _NUM_CLASSES,
    config_lib.SearchConfig(strategy=strategy),
    steps_per_epoch=1,
  )
  labels = (images.mean(-1) > 128).astype('int32')
  batch = tf.constant(images, tf.float32), tf.constant(labels)
  difference = _difference(searcher, batch[0])
  losses = searcher.weight_step(batch), searcher.arch_step(batch, batch)
  seconds = time.monotonic() - start
  return Measured(tuple(map(float, losses)), difference, seconds)


def _space() -> search_space.SearchSpace:
  """One node, since each takes a second to compile, of all that is computed.

  Its two blocks make the convolutions of the fast path grouped ones.
  """
  from deeplab_nas.space import cell_space, lattice, primitives, search_space

  chosen = (
    primitives.AVG_POOL_3X3,
    primitives.SKIP,
    primitives.SEP_CONV_3X3,
    primitives.ATROUS_CONV_3X3,
  )
  return search_space.SearchSpace(
    cell_space.CellSpace(2, chosen), lattice.Lattice(1, strides=(4,)), 4
  )


def _difference(
  searcher: searcher_lib.Searcher, images: tf.Tensor
) -> float | None:
  """Of the searcher's supernet from a readable one with the same weights."""
  from deeplab_nas.nn.supernet import supernet as supernet_lib

  fast = searcher.supernet
  if not fast.fused:
    return None
  readable = supernet_lib.Supernet(searcher.space, _NUM_CLASSES, fused=False)
  readable.set_weights(fast.get_weights())
  arch = searcher.strategy.mode()
  return furthest(
    *(_outputs(model, images, arch) for model in (fast, readable))
  )


def furthest(
  actual: Iterable[np.ndarray], expected: Iterable[np.ndarray]
) -> float:
  """Largest difference of arrays, relative to the largest value of each."""
  import numpy as np

  # NumPy's maximum of what is not a number is not a number.
  return float(
    np.max([abs(a - b).max() / abs(b).max() for a, b in zip(actual, expected)])
  )


def _outputs(
  model: supernet_lib.Supernet,
  images: tf.Tensor,
  arch: arch_weights.ArchWeights,
) -> tuple[np.ndarray, np.ndarray]:
  """Logits, and the gradients of all weights of the sum of their squares."""
  import numpy as np
  import tensorflow as tf

  from deeplab_nas.nn.kernels import phases

  variables = model.trainable_variables
  with tf.GradientTape() as tape:
    logits = model(images, arch, phases.WEIGHT_STEP)
    objective = tf.reduce_sum(logits**2)
  gradients = tape.gradient(objective, variables)
  return logits.numpy(), np.concatenate([g.numpy().ravel() for g in gradients])

"""What an optimizer makes of gradients that mean nothing: random walks.

A search that learns nothing moves its architecture all the same: Adam divides a
gradient by its size, so that noise moves a logit as far as a faint signal does.
How far, depends on the rate, the decays, the number of steps and on how the
gradients are spread over parameters and time. So each of the walks here repeats
the run: it has the same start, a copy of the same optimizer, and gets in every
step the gradient that the run got, with a sign drawn at random for each step
and walk. These gradients have a mean of zero and in all else the size of the
run's. They differ from the real one if, and only if, its gradients agree in
what they say.

Whether that holds for other images, halves of split B tell. Every other batch
of a pass over B goes to one half, so that the two have no image in common, and
products of their summed gradients are added up over all passes. That estimates
the squared size of the mean gradient without the noise in it; the walks' signs
say how far noise alone would take the estimate.

Reference:
  Randomization by sign flips: Efron, Student's t-test under symmetry
  conditions, JASA 1969.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from deeplab_nas.report import arch_evidence
from deeplab_nas.search.relaxed import strategy as strategy_lib
from deeplab_nas.space import search_space

NUM_WALKS = 64


class Passes(NamedTuple):
  """How batches go through the images of split B.

  Attributes:
    num_images: Of the split.
    batch_size: Images of a batch, of all replicas.
  """

  num_images: int
  batch_size: int

  def at(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Number of the pass that a batch belongs to, and whether all of it does.

    Args:
      step: int64 [], number of the batch in the run.
    """
    first = step * self.batch_size
    number = first // self.num_images
    last = (first + self.batch_size - 1) // self.num_images
    return number, tf.equal(number, last)


class NoiseWalks(tf.Module):
  """Random walks beside a run, and the agreement of halves of split B.

      walks = NoiseWalks({'alpha': alpha}, optimizer, decayed, passes, step)
      walks.observe([gradient])             # in every step of the optimizer
      readings = walks.read()

  Changes nothing of the run. The optimizer has to work element by element.

  Attributes:
    num_steps: int64 variable [], steps observed.
  """

  def __init__(
    self,
    variables: Mapping[str, tf.Variable],
    optimizer: tf.keras.optimizers.Optimizer,
    regularized: Callable[[Sequence, Sequence], Sequence],
    passes: Passes | None = None,
    step: Callable[[], tf.Tensor] | None = None,
    seed: int = 0,
    num_walks: int = NUM_WALKS,
    to_logits: Callable[[np.ndarray], np.ndarray] = np.asarray,
  ):
    """Starts where the variables are.

    Args:
      variables: What the optimizer moves, by name.
      optimizer: Built for them, in this order.
      regularized: Adds to gradients what does not depend on batches, see
        `strategy.ByGradients`.
      passes: Of the batches; None for no halves.
      step: Gives the number of the step's batch, int64 [].
      seed: Of the signs.
      num_walks: R.
      to_logits: See `Readings`.
    """
    super().__init__(name='noise_walks')
    self._real = lambda: (variables, optimizer)  # not tracked here
    self._names = tuple(variables)
    self._regularized = regularized
    self._passes, self._step, self._seed = passes, step, seed
    self._num_walks = num_walks
    self._to_logits = to_logits
    self.num_steps = _state([], tf.int64)
    self.start = [_state(v.shape) for v in variables.values()]
    self.walks = [_state([num_walks, *v.shape]) for v in variables.values()]
    self.optimizer = type(optimizer).from_config(optimizer.get_config())
    self.optimizer.build(self.walks)
    # Of halves of B. Row 0 is the run itself, the others have its walks' signs.
    self.pass_number = _state([], tf.int64)
    self.sums = [
      _state([2, 1 + num_walks, *v.shape]) for v in variables.values()
    ]
    self.products = _state([len(variables), 1 + num_walks])
    self.squares = _state([len(variables), 2, 1 + num_walks])
    self.restart()

  def restart(self) -> None:
    """Starts anew, from where the real variables and optimizer are now."""
    variables, optimizer = self._real()
    for variable, start, walk in zip(
      variables.values(), self.start, self.walks
    ):
      start.assign(tf.convert_to_tensor(variable))
      walk.assign(tf.broadcast_to(variable, walk.shape))
    for slot, real in zip(self.optimizer.variables, optimizer.variables):
      slot.assign(tf.broadcast_to(real, slot.shape))
    self.num_steps.assign(0)
    for state in (self.pass_number, *self.sums, self.products, self.squares):
      state.assign(tf.zeros_like(state))

  def observe(
    self,
    gradients: Sequence[tf.Tensor],
    others: Sequence[tf.Tensor] | None = None,
  ) -> None:
    """Moves the walks by a step's gradients, those of the loss alone.

    Args:
      gradients: Summed over replicas, in the order of the variables; zeros
        where the step was refused.
      others: What the run descends besides, whatever the batches say, such as
        the gradients of its costs; the walks get these as they are.
    """
    signs = self._signs()
    flipped = [_rows(signs, gradient) for gradient in gradients]
    if others is not None:
      flipped = [rows + other for rows, other in zip(flipped, others)]
    self.optimizer.apply_gradients(
      zip(self._regularized(flipped, self.walks), self.walks),
      skip_gradients_aggregation=True,
    )
    if self._passes is not None:
      self._add_to_halves(gradients, tf.concat([[1.0], signs], 0))
    self.num_steps.assign_add(1)

  def _signs(self) -> tf.Tensor:
    """+-1, float32 [R], by seed and step."""
    bits = tf.random.stateless_uniform(
      [self._num_walks],
      tf.stack([tf.cast(self._seed, tf.int64), self.num_steps]),
      0,
      2,
      tf.int32,
    )
    return tf.cast(2 * bits - 1, tf.float32)

  def _add_to_halves(
    self, gradients: Sequence[tf.Tensor], signs: tf.Tensor
  ) -> None:
    step = self._step()
    number, is_whole = self._passes.at(step)
    is_new = tf.not_equal(number, self.pass_number)
    products, squares = self._of_halves()
    self.products.assign_add(tf.where(is_new, products, 0.0))
    self.squares.assign_add(tf.where(is_new, squares, 0.0))
    self.pass_number.assign(number)
    half = tf.one_hot(step % 2, 2)  # [2]
    for total, gradient in zip(self.sums, gradients):
      added = tf.tensordot(half, _rows(signs, gradient), axes=0)
      kept = tf.where(is_new, 0.0, total)
      total.assign(kept + tf.where(is_whole, added, 0.0))

  def _of_halves(self) -> tuple[tf.Tensor, tf.Tensor]:
    """Products [G, 1 + R] and squares [G, 2, 1 + R] of the sums as they are."""
    flat = [
      tf.reshape(total, [2, 1 + self._num_walks, -1]) for total in self.sums
    ]
    products = [tf.reduce_sum(x[0] * x[1], -1) for x in flat]
    squares = [tf.reduce_sum(x**2, -1) for x in flat]
    return tf.stack(products), tf.stack(squares)

  def read(self) -> arch_evidence.Readings:
    """All that was observed, in NumPy."""
    variables, _ = self._real()
    products, squares = self._of_halves()

    def by_name(values) -> dict[str, np.ndarray]:
      return dict(zip(self._names, (x.numpy() for x in values)))

    return arch_evidence.Readings(
      int(self.num_steps.numpy()),
      start=by_name(self.start),
      now=by_name(variables.values()),
      walks=by_name(self.walks),
      products=by_name(tf.unstack(self.products + products)),
      squares=by_name(tf.unstack(self.squares + squares)),
      to_logits=self._to_logits,
    )


def evidence(
  walks: NoiseWalks | None, space: search_space.SearchSpace, score: str
) -> arch_evidence.Evidence | None:
  """What a search has shown; None without walks, or before its first step.

  Args:
    walks: Beside the search.
    space: The search space.
    score: Of paths, one of `decode.SCORES`.
  """
  if walks is None or not walks.num_steps.numpy():
    return None
  return arch_evidence.weigh(walks.read(), space, score)


def beside(
  strategy: strategy_lib.RelaxedStrategy,
  passes: Passes | None,
  step: Callable[[], tf.Tensor],
  seed: int,
) -> NoiseWalks | None:
  """Walks that see every step of a strategy; None if it is not `ByGradients`.

  Args:
    strategy: Whose gradients count.
    passes: Of the batches; None for no halves.
    step: Gives the number of the step's batch, int64 [].
    seed: Of the signs.
  """
  if not hasattr(strategy, 'on_gradients'):
    return None
  walks = NoiseWalks(
    strategy.learnt,
    strategy.optimizer,
    strategy.regularized,
    passes,
    step,
    seed,
    to_logits=getattr(strategy, 'to_logits', np.asarray),
  )
  strategy.on_gradients = walks.observe
  return walks


def _state(shape: Sequence[int], dtype: tf.DType = tf.float32) -> tf.Variable:
  """A variable that replicas change alike."""
  return tf.Variable(
    tf.zeros(shape, dtype),
    trainable=False,
    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
  )


def _rows(signs: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
  """The gradient with each of the signs, [R, ...]."""
  return tf.tensordot(signs, gradient, axes=0)

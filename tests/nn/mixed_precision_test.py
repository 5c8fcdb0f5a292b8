"""The supernet in bfloat16: what is, what is not, and how near it comes."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.nn.kernels import phases
from deeplab_nas.nn.supernet import fused_node, supernet
from deeplab_nas.nn.supernet import node as node_lib
from deeplab_nas.search.relaxed import arch_params
from deeplab_nas.space import cell_space, lattice, primitives, search_space
from tests.nn import bfloat16, random_cell

# Of every primitive's kind one.
PRIMITIVES = tuple({p.kind: p for p in primitives.BY_NAME.values()}.values())
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(1, PRIMITIVES), lattice.Lattice(2), 4
)


def step(precision, fused=True):
  """A supernet of fixed weights, and its training step, to be traced."""
  tf.keras.utils.set_random_seed(0)
  model = supernet.Supernet(SPACE, 3, fused, precision=precision)
  params = arch_params.ArchParams(SPACE, stddev=1.0, seed=3)
  learnt = [params.alpha, params.beta, *model.trainable_variables]
  rng = np.random.default_rng(0)
  images = tf.constant(rng.uniform(0, 255, (2, 65, 65, 3)), tf.float32)
  labels = rng.integers(3, size=(2, 13, 13)).repeat(5, 1).repeat(5, 2)

  @tf.function
  def run():
    with tf.GradientTape() as tape:
      logits = model(images, params.weights(), phases.WEIGHT_STEP)
      loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      )
    return logits, tape.gradient(loss, learnt)

  return model, run


@functools.cache
def outcome(precision, fused=True):
  """Logits, and the gradients of alpha, beta and all weights."""
  model, run = step(precision, fused)
  logits, (alpha, beta, *weights) = run()
  assert logits.dtype == tf.float32
  assert {v.dtype for v in model.variables} == {tf.float32}
  assert {g.dtype for g in (alpha, beta, *weights)} == {tf.float32}
  weights = tf.concat([tf.reshape(g, [-1]) for g in weights], 0)
  return logits.numpy(), [np.ravel(g) for g in (alpha, beta, weights)]


def cosine(a, b):
  return a @ b / np.linalg.norm(a) / np.linalg.norm(b)


@bfloat16.needed
@pytest.mark.parametrize(
  'other',
  [
    pytest.param(('mixed_bfloat16', False), marks=pytest.mark.slow),
    ('float32', True),
  ],
)
def test_bfloat16_is_near_the_readable_path_and_near_float32(other):
  logits, gradients = outcome('mixed_bfloat16')
  expected, expected_gradients = outcome(*other)
  error = np.linalg.norm(logits - expected) / np.linalg.norm(expected)
  assert 0 < error < 0.05
  for a, b in zip(gradients, expected_gradients):
    assert cosine(a, b) > 0.95
    assert 0.9 < np.linalg.norm(a) / np.linalg.norm(b) < 1.1


def test_inference_is_near_float32():
  images = tf.random.stateless_uniform([1, 33, 33, 3], [1, 2], 0, 255)
  weights = arch_params.ArchParams(SPACE).weights()
  a, b = (
    step(p)[0](images, weights).numpy() for p in ('mixed_bfloat16', 'float32')
  )
  assert np.linalg.norm(a - b) / np.linalg.norm(b) < 0.05


def test_without_it_no_tensor_is_bfloat16_and_none_is_cast_for_it():
  def nodes(precision):
    _, run = step(precision)
    graph = run.get_concrete_function().graph.as_graph_def()
    functions = [f.node_def for f in graph.library.function]
    return [node for part in (graph.node, *functions) for node in part]

  def casts_of_floats(nodes):
    floats = {tf.float32.as_datatype_enum, tf.bfloat16.as_datatype_enum}
    return [
      node
      for node in nodes
      if node.op == 'Cast'
      and {node.attr['SrcT'].type, node.attr['DstT'].type} <= floats
    ]

  exact, mixed = nodes('float32'), nodes('mixed_bfloat16')
  assert not casts_of_floats(exact)
  assert 'DT_BFLOAT16' not in ''.join(map(str, exact))
  assert len(mixed) - len(exact) >= len(casts_of_floats(mixed)) > 0


@bfloat16.needed
@pytest.mark.parametrize('fused', [True, False])
@pytest.mark.parametrize('phase', [phases.WEIGHT_STEP, phases.INFERENCE])
def test_a_cell_computes_in_the_dtype_of_its_inputs(fused, phase):
  space = SPACE.cell
  layer = node_lib.Cell(random_cell.shape(space, 2, 3), fused)
  layer.build()
  inputs = random_cell.inputs(np.random.default_rng(0), space, 3)
  for name in ('prevs', 'prev_prev'):
    inputs[name] = tf.nest.map_structure(
      lambda x: tf.cast(x, tf.bfloat16), inputs[name]
    )
  watched = [inputs['prev_prev'], inputs['op'], inputs['beta']]
  with tf.GradientTape() as tape:
    tape.watch(watched)
    output = layer(**inputs, phase=phase)
  gradients = tape.gradient(output, [*watched, layer.kernel_vector])
  assert output.dtype == tf.bfloat16
  assert [g.dtype for g in gradients] == [tf.bfloat16] + [tf.float32] * 3
  assert np.all(np.isfinite(layer.moving_mean))


def test_states_are_stored_in_bfloat16():
  model, _ = step('mixed_bfloat16')
  states = model.stem(tf.ones([2, 33, 33, 3]), phases.WEIGHT_STEP)
  assert [x.dtype for x in states] == [tf.bfloat16] * 2
  assert {v.dtype for v in model.stem.variables} == {tf.float32}


@pytest.mark.parametrize(
  'supported, precision, advice',
  [
    ((), 'float32', 'TF_ENABLE_ONEDNN_OPTS'),
    ((), 'mixed_bfloat16', 'TF_ENABLE_ONEDNN_OPTS'),
    ((tf.float32,), 'mixed_bfloat16', 'search.precision=float32'),
  ],
)
def test_a_machine_without_the_fast_path_gets_advice(
  monkeypatch, caplog, supported, precision, advice
):
  monkeypatch.setattr(
    fused_node,
    'is_supported',
    lambda dtype=tf.float32: dtype in supported,
  )
  small = search_space.SearchSpace(
    cell_space.CellSpace(1, PRIMITIVES[:2]), lattice.Lattice(1), 1
  )
  with caplog.at_level('WARNING'):
    assert not supernet.Supernet(small, 2, precision=precision).fused
  assert advice in caplog.text

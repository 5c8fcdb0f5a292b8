"""What every strategy has to keep: one test for all that there are."""

import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import relaxed_strategies
from deeplab_nas.search.relaxed import strategy
from deeplab_nas.space import (
  arch_weights,
  cell_space,
  decode,
  lattice,
  primitives,
  search_space,
)
from tests import command
from tests.search import tiny
from tests.search.relaxed import toy

every = pytest.mark.parametrize('name', toy.RELAXED)
# All of its parts: `none`, two blocks, moves in all directions.
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(2, primitives.PRIMITIVES[:4]), lattice.Lattice(3), 2
)

# What moves logits whatever the loss is.
WITHOUT_DECAY = {'drnas': relaxed_strategies.DrnasConfig(kl_weight=0.0)}


def wants_the_first(batch, weights):
  """A loss that is lowest with everything on primitive 0 and move `same`."""
  noise = 0.0 if batch is None else 0.1 * tf.sin(batch)
  return -tf.reduce_sum((1 + noise) * weights.op[:, 0]) - tf.reduce_sum(
    weights.transition[..., 1]
  )


def values(module):
  return [np.asarray(variable) for variable in module.variables]


def assert_equal(first, second):
  assert len(first) == len(second)
  for a, b in zip(first, second):
    np.testing.assert_array_equal(a, b)


@every
@pytest.mark.parametrize('space', [tiny.SPACE, SPACE])
def test_weights_are_of_the_space(name, space):
  built = toy.build(name, space)
  legal = space.lattice.legal
  samples = [built.sample(tiny.progress(i, i / 3)) for i in range(4)]
  for op, transition in [built.mode(), *samples]:
    assert op.shape == (len(space.cell.edges), len(space.cell.primitives))
    assert np.all(np.asarray(op) >= 0)
    assert np.all(np.asarray(transition) >= 0)
    np.testing.assert_array_equal(np.asarray(transition)[~legal], 0)
    np.testing.assert_allclose(np.sum(transition[0, 0]), 1, rtol=1e-6)
    for block in range(space.cell.num_blocks):
      first = space.cell.edge_index(0, block)
      rows = op[first : first + len(space.cell.sources(block))]
      assert np.sum(rows) > 1.999  # two connections at least
    assert np.all(np.sum(transition, -1) < 1.001)


@every
def test_the_mode_decodes_to_the_genotype(name):
  built = toy.build(name, SPACE, seed=3)
  toy.compiled(built, wants_the_first, SPACE)(0, 3)
  mode = arch_weights.ArchWeights(*map(np.asarray, built.mode()))
  assert built.genotype() in SPACE
  assert built.genotype() == decode.decode(mode, SPACE)


@every
def test_samples_depend_on_seed_and_progress_alone(name):
  built, twin = toy.build(name, SPACE), toy.build(name, SPACE)
  before = values(built)
  drawn = {i: built.sample(tiny.progress(i)) for i in (5, 0, 12)}
  for i in (0, 12, 5):
    assert_equal(drawn[i], twin.sample(tiny.progress(i)))
  assert_equal(values(built), before)


@every
def test_the_mode_is_constant_between_updates(name):
  built = toy.build(name, SPACE)
  mode = built.mode()
  for i in range(3):
    built.sample(tiny.progress(i))
    assert_equal(mode, built.mode())


@every
def test_an_update_changes_only_its_own_variables(name):
  """And those: what was shifted meanwhile is as before, bit for bit."""
  built, model = toy.build(name), toy.Toy(wants_the_first)
  weights = [w.numpy() for w in model.w]
  before = values(built)
  steps = toy.compiled(built, wants_the_first, toy=model)
  steps(0, 3)
  assert_equal(weights, [w.numpy() for w in model.w])
  assert any(np.any(a != b) for a, b in zip(before, values(built)))


@every
def test_equal_seeds_give_equal_searches_and_others_do_not(name):
  found = []
  for seed in (5, 5, 6):
    built = toy.build(name, seed=seed)
    toy.compiled(built, wants_the_first)(0, 3)
    found.append(values(built))
  assert_equal(*found[:2])
  assert any(np.any(a != b) for a, b in zip(found[0], found[2]))


@every
def test_a_search_goes_on_from_its_checkpoint_as_if_never_stopped(
  name, tmp_path
):
  whole, resumed = toy.build(name), toy.build(name)
  toy.compiled(whole, wants_the_first)(0, 6)
  stopped = toy.build(name)
  toy.compiled(stopped, wants_the_first)(0, 4)
  path = tf.train.Checkpoint(strategy=stopped).save(str(tmp_path / 'c'))
  status = tf.train.Checkpoint(strategy=resumed).restore(path)
  status.assert_existing_objects_matched()
  assert_equal(values(resumed), values(stopped))
  toy.compiled(resumed, wants_the_first)(4, 6)
  assert_equal(values(resumed), values(whole))
  for a, b in zip(*(x.sample(tiny.progress(7)) for x in (resumed, whole))):
    np.testing.assert_array_equal(a, b)


@every
@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_a_loss_that_is_not_finite_teaches_nothing(name, value):
  built = toy.build(name, settings=WITHOUT_DECAY.get(name))
  model = toy.Toy(lambda batch, arch: value * tf.reduce_sum(arch.op))
  before = {
    v.name: v.numpy() for v in built.variables if 'iteration' not in v.name
  }
  weights = [w.numpy() for w in model.w]
  assert np.isnan(built.update(model.step(tiny.progress())))
  for variable in built.variables:
    if variable.name in before:
      np.testing.assert_array_equal(variable, before[variable.name])
  assert_equal(weights, [w.numpy() for w in model.w])


@every
def test_variables_may_be_mirrored(name):
  """One device, as variables of several; two are in `tests/run/`."""
  alone = toy.build(name)
  model = toy.Toy(wants_the_first)
  mirrored = tf.distribute.MirroredStrategy(['/cpu:0'])
  with mirrored.scope():
    built = toy.build(name)
  for i in range(2):
    at = tiny.progress(i)
    alone.update(model.step(at))
    mirrored.run(lambda at=at: built.update(model.step(at)))
  for a, b in zip(alone.mode(), built.mode()):
    np.testing.assert_allclose(a, b, atol=1e-6)


@pytest.mark.slow
def test_two_replicas_learn_as_one_device_and_stay_equal():
  """Bit for bit, as nothing else keeps the copies of a variable together."""
  done = subprocess.run(
    [sys.executable, '-m', 'tests.search.relaxed.two_replicas'],
    capture_output=True,
    text=True,
    cwd=command.ROOT,
  )
  assert done.returncode == 0, done.stderr
  found = json.loads(done.stdout.splitlines()[-1])
  assert list(found) == [*toy.RELAXED]
  for name, ((losses, alone), (sums, shared)) in found.items():
    assert np.isnan(losses).sum() == 1
    np.testing.assert_allclose(sums, losses, 1e-4, 1e-5, err_msg=name)
    for variable, (first, second) in shared.items():
      assert first == second, f'{name}, {variable}'
      np.testing.assert_allclose(
        first, alone[variable][0], 1e-3, 1e-3, err_msg=f'{name}, {variable}'
      )


@every
def test_costs_of_a_strategy_are_the_term_of_a_budget(name):
  """None where nothing is to be paid: `arch_state` and `attach` ask for it."""
  assert getattr(toy.build(name), 'costs', None) is None


def test_unknown_strategy_names_the_known_ones():
  config = config_lib.SearchConfig(strategy='guess')
  with pytest.raises(errors.UserError, match="'guess'.*first_order"):
    strategy.build(tiny.SPACE, config, 0)

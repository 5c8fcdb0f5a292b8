"""Memory of the supernet, counted."""

import dataclasses

import numpy as np
import pytest

from deeplab_nas.nn.supernet import supernet
from deeplab_nas.space import (
  cell_space,
  lattice,
  primitives,
  search_space,
  supernet_cost,
)

SMALL = search_space.SearchSpace(
  cell_space.CellSpace(2), lattice.Lattice(3), filter_multiplier=2
)
COST = supernet_cost.SupernetCost(SMALL, 5, (65, 65), batch_size=2)


@pytest.mark.parametrize('preset', primitives.PRESETS)
def test_weights_are_those_of_the_network(preset):
  cell = cell_space.CellSpace(2, primitives.PRESETS[preset])
  space = dataclasses.replace(SMALL, cell=cell)
  model = supernet.Supernet(space, 5)
  assert dataclasses.replace(COST, space=space).num_weights == sum(
    np.prod(v.shape) for v in model.trainable_variables
  )


def test_shared_kernels_are_those_of_the_network_and_are_copied():
  space = dataclasses.replace(SMALL, shared_kernels=True)
  model = supernet.Supernet(space, 5)
  shared = dataclasses.replace(COST, space=space)
  assert shared.num_weights == sum(
    np.prod(v.shape) for v in model.trainable_variables
  )
  assert shared.num_weights < COST.num_weights
  assert shared.activation_bytes() > COST.activation_bytes()
  # Every node keeps the copies of five edges of two blocks, of all primitives.
  filters = [space.filters(n.level) for n in space.lattice.nodes]
  copies = sum(
    5 * (2 * (9 * c + c * c) + 2 * (25 * c + c * c) + 34 * c * c)
    for c in filters
  )
  largest = max(filters)
  most = 5 * (2 * (9 + 25) * largest + 38 * largest**2)
  more = shared.activation_bytes(False) - COST.activation_bytes(False)
  assert 4 * copies <= more <= 4 * (copies + 2 * most)


def test_weights_of_another_stem_are_those_of_the_network_too():
  space = dataclasses.replace(SMALL, stem_filters=(4, 6, 10))
  model = supernet.Supernet(space, 5)
  assert dataclasses.replace(COST, space=space).num_weights == sum(
    np.prod(v.shape) for v in model.trainable_variables
  )


def test_fractional_widths_are_refused():
  space = dataclasses.replace(SMALL, filter_multiplier=2.5)
  for build in (
    lambda: supernet.Supernet(space, 5),
    lambda: dataclasses.replace(COST, space=space),
  ):
    with pytest.raises(ValueError, match='a supernet needs a whole number'):
      build()


def test_activations_grow_with_the_batch_alone():
  twice = dataclasses.replace(COST, batch_size=4)
  for recompute in (True, False):
    assert twice.activation_bytes(recompute) == 2 * COST.activation_bytes(
      recompute
    )
  assert twice.num_weights == COST.num_weights


def test_recomputation_pays_the_more_the_deeper_the_lattice():
  def saved(num_layers):
    space = dataclasses.replace(SMALL, lattice=lattice.Lattice(num_layers))
    cost = dataclasses.replace(COST, space=space)
    return cost.activation_bytes(False) / cost.activation_bytes(True)

  assert 1 < saved(2) < saved(6) < saved(12)


def test_kept_tensors_of_one_node_by_hand():
  """One layer of one level: a 65 x 65 image has 17 x 17 pixels at stride 4."""
  space = search_space.SearchSpace(
    cell_space.CellSpace(1), lattice.Lattice(1, strides=(4,)), 2
  )
  cost = supernet_cost.SupernetCost(space, 5, (65, 65), batch_size=1)
  node = 17 * 17 * 2
  stem = 3 * 65 * 65 + 3 * (2 * 16 * 33 * 33 + 32 * 17 * 17)
  head = 17 * 17 * (12 * 2 + 5) + 65 * 65 * 5 * 5
  assert cost.kept_floats() == node + stem + head

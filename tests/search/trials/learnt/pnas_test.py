"""How cells and paths grow, and what the paper counts."""

import numpy as np
import pytest

from benchmarks import landscapes, races
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.learnt import pnas
from deeplab_nas.space import cell_space, lattice, search_space
from deeplab_nas.space import genotype as genotype_lib
from tests.search.trials import studies

EIGHT = tuple('abcdefgh')
SPACE = search_space.SearchSpace(
  cell_space.CellSpace(3, studies.DARTS[3:6]), lattice.Lattice(6)
)
STUDY = strategy.Study(SPACE, (studies.FULL,))


def search(**settings):
  settings = {'num_initial': 10, 'beam_size': 5, 'predictor': 'mlp', **settings}
  return pnas.Pnas(STUDY, config_strategies.PnasConfig(**settings))


def grown(count, seed=0, **settings):
  loss = landscapes.target(SPACE, seed)
  task = races.Task(STUDY, [loss])
  return races.run(task, search(**settings), 400 * count, seed)


def test_the_paper_counts_136_first_blocks_of_2_inputs_and_8_operations():
  blocks = pnas.unique_blocks(('prev', 'prev_prev'), EIGHT, may_repeat=True)
  assert len(blocks) == len({tuple(sorted(block)) for block in blocks}) == 136


@pytest.mark.parametrize('n', [2, 3, 6])
@pytest.mark.parametrize('o', [1, 4, 8])
def test_blocks_are_counted_by_the_formulas(n, o):
  sources = tuple(f's{i}' for i in range(n))
  repeated = pnas.unique_blocks(sources, EIGHT[:o], may_repeat=True)
  assert len(repeated) == (n**2 * o**2 + n * o) / 2
  assert len(pnas.unique_blocks(sources, EIGHT[:o])) == o**2 * n * (n - 1) / 2


def test_blocks_are_repeated_in_turn_and_read_their_own_copies():
  first = (('prev', 'sep_conv_3x3'), ('prev_prev', 'sep_conv_5x5'))
  second = (('block_0', 'sep_conv_3x3'), ('prev', 'sep_conv_3x3'))
  found = pnas.completed(SPACE, pnas.Partial((0, 1), (first, second)))
  assert found == genotype_lib.Genotype(
    (0, 1, 1, 1, 1, 1), (first, second, first)
  )
  whole = pnas.completed(
    search_space.SearchSpace(cell_space.CellSpace(4), SPACE.lattice),
    pnas.Partial((0,), (first, second)),
  )
  own = (('block_2', 'sep_conv_3x3'), ('prev', 'sep_conv_3x3'))
  assert whole == genotype_lib.Genotype(6 * (0,), (first, second, first, own))


@pytest.mark.parametrize('num_blocks', [1, 2, 3])
def test_what_is_completed_reduces_to_what_it_was(num_blocks):
  """Or to less, where two of its blocks are equal."""
  space = search_space.SearchSpace(
    cell_space.CellSpace(num_blocks, SPACE.cell.primitives), SPACE.lattice
  )
  for genotype in studies.genotypes(space, 30):
    partial = pnas.Partial(genotype.path[:4], genotype.cell)
    whole = pnas.completed(SPACE, partial)
    found = pnas.reduced(whole, 4, num_blocks)
    assert found.path == partial.path and whole in SPACE
    if len(found.cell) == num_blocks:
      again = genotype_lib.Genotype(genotype.path, found.cell)
      assert again == genotype_lib.Genotype(genotype.path, genotype.cell)


def test_paths_that_begin_alike_are_all_paths():
  assert sorted(pnas.longer_paths(SPACE, (), 6)) == sorted(
    SPACE.lattice.paths()
  )
  longer = list(pnas.longer_paths(SPACE, (0, 1), 3))
  assert sorted(longer) == [(0, 1, 0), (0, 1, 1), (0, 1, 2)]


def test_cells_grow_by_a_block_and_paths_by_layers_a_round():
  trials = grown(20)
  for start, end, blocks, layers in ((0, 10, 1, 2), (10, 15, 2, 4)):
    for trial in trials[start:end]:
      partial = pnas.reduced(trial.genotype, layers, 3)
      assert len(partial.cell) == blocks
      assert set(trial.genotype.path[layers:]) == {
        trial.genotype.path[layers - 1]
      }
  for trial in trials[15:]:
    assert len(pnas.reduced(trial.genotype, 6, 3).cell) == 3
  for trial in trials[10:20]:
    start, end = (0, 10) if trial.number < 15 else (10, 15)
    rows = sorted(trials[start:end], key=STUDY.loss)
    assert trial.proposal.parent in {t.number for t in rows[:5]}


def test_after_the_last_round_neighbours_of_the_best_are_tried():
  trials = grown(26)
  for trial in trials[20:]:
    parent = trials[trial.proposal.parent].genotype
    changed = np.count_nonzero(np.subtract(parent.path, trial.genotype.path))
    assert changed <= 1 and (changed == 1) == (
      parent.cell == trial.genotype.cell
    )


def test_the_tau_of_each_round_is_told():
  remarks = search().remarks(grown(24))
  assert [r.split(':')[0] for r in remarks] == ['Round 2', 'Round 3', 'Round 4']
  assert not search().remarks(grown(12))

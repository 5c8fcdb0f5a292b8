"""The counts of the space, by enumeration."""

import itertools

from deeplab_nas.search.trials.table import space
from deeplab_nas.space import genotype as genotype_lib


def test_it_has_233_paths_that_use_all_four_strides():
  paths = [
    path
    for path in itertools.product(range(4), repeat=6)
    if path[0] <= 1 and all(abs(a - b) <= 1 for a, b in zip(path, path[1:]))
  ]
  assert list(space.paths()) == paths
  assert len(paths) == 233
  assert {level for path in paths for level in path} == {0, 1, 2, 3}


def test_it_has_648_distinct_cells():
  names = ('skip_connect', 'sep_conv_3x3', 'sep_conv_5x5', 'atrous_conv_3x3')
  terms = {
    count: [
      *itertools.combinations(
        itertools.product(('prev', 'prev_prev', 'block_0')[:count], names), 2
      )
    ]
    for count in (2, 3)
  }
  distinct = {
    genotype_lib.Genotype((0,), cell).cell
    for cell in itertools.product(terms[2], terms[3])
    if all(first[0] != second[0] for first, second in cell)
  }
  assert set(space.cells()) == distinct
  assert len(space.cells()) == len(distinct) == 648


def test_all_of_its_150984_architectures_are_distinct():
  architectures = {
    (path, cell) for path in space.paths() for cell in space.cells()
  }
  assert len(architectures) == 150_984
  for path, cell in itertools.islice(architectures, 100):
    genotype = genotype_lib.Genotype(path, cell)
    assert (genotype.path, genotype.cell) == (path, cell)  # canonical as it is
    assert genotype in space.SPACE

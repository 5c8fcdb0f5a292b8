"""Every architecture of a small space with its score, the slow way."""

import itertools

import numpy as np

from deeplab_nas.space import (
  CellSpace,
  Genotype,
  Lattice,
  SearchSpace,
  arch_weights,
  decode,
  primitives,
)

SMALL = SearchSpace(
  CellSpace(2, (primitives.NONE, primitives.SKIP, primitives.SEP_CONV_3X3)),
  Lattice(3, (4, 8, 16)),
)


def random_edge_probs(lattice, rng, zeros=0.0):
  """Softmax over the legal moves, a share of them set to 0."""
  weights = np.exp(rng.normal(size=lattice.legal.shape)) * lattice.legal
  weights[rng.random(weights.shape) < zeros] = 0
  total = weights.sum(-1, keepdims=True)
  return np.divide(weights, total, out=np.zeros_like(weights), where=total > 0)


def random_weights(space, rng, zeros=0.0):
  op = rng.dirichlet(np.ones(len(space.cell.primitives)), len(space.cell.edges))
  op[rng.random(op.shape) < zeros] = 0
  return arch_weights.ArchWeights(
    op, random_edge_probs(space.lattice, rng, zeros)
  )


def all_cells(cell):
  names = [p.name for p in cell.primitives if not p.is_none]
  blocks = [
    [
      ((cell.source_name(a), x), (cell.source_name(b), y))
      for a, b in itertools.combinations(cell.sources(block), 2)
      for x, y in itertools.product(names, repeat=2)
    ]
    for block in range(cell.num_blocks)
  ]
  return itertools.product(*blocks)


def cell_log(blocks, op, cell):
  names = [primitive.name for primitive in cell.primitives]
  sources = [cell.source_name(i) for i in range(cell.num_sources)]
  with np.errstate(divide='ignore'):
    return sum(
      np.log(
        op[cell.edge_index(sources.index(source), block), names.index(name)]
      )
      for block, terms in enumerate(blocks)
      for source, name in terms
    )


def all_genotypes(weights, space, score):
  """Every architecture that decoding can emit, with its highest score."""
  logs = decode.log_weights(weights.transition, space.lattice, score)
  scores = {}
  for blocks in all_cells(space.cell):
    of_cell = cell_log(blocks, weights.op, space.cell)
    for path in space.lattice.paths():
      genotype = Genotype(path, blocks)
      value = of_cell + sum(
        logs[edge.index] for edge in space.lattice.path_edges(path)
      )
      scores[genotype] = max(value, scores.get(genotype, -np.inf))
  return scores


def assert_best(found, scores):
  """That candidates are the best of some architectures, in order."""
  expected = sorted(scores.values(), reverse=True)[: len(found)]
  genotypes = [candidate.genotype for candidate in found]
  assert len(set(genotypes)) == len(genotypes)
  np.testing.assert_allclose([c.score for c in found], expected, atol=1e-9)
  np.testing.assert_allclose(
    [scores[g] for g in genotypes], expected, atol=1e-9
  )

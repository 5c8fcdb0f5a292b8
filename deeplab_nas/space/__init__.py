"""What can be searched: plain Python and NumPy, never TensorFlow."""

from deeplab_nas.space.arch_weights import ArchWeights
from deeplab_nas.space.cell_space import CellSpace
from deeplab_nas.space.cost import Cost, CostModel, format_shares
from deeplab_nas.space.genotype import Genotype, GenotypeError
from deeplab_nas.space.latency import LatencyTable
from deeplab_nas.space.lattice import Lattice
from deeplab_nas.space.primitives import (
  DARTS_PRIMITIVES,
  PRIMITIVES,
  Primitive,
)
from deeplab_nas.space.search_space import SearchSpace

__all__ = [
  'ArchWeights',
  'CellSpace',
  'Cost',
  'CostModel',
  'DARTS_PRIMITIVES',
  'Genotype',
  'GenotypeError',
  'LatencyTable',
  'Lattice',
  'PRIMITIVES',
  'Primitive',
  'SearchSpace',
  'format_shares',
]

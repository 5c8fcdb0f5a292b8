"""Networks small enough to be timed in a test."""

from deeplab_nas.space import CellSpace, CostModel, Lattice, SearchSpace
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.timing import check

SPACE = SearchSpace(CellSpace(1), Lattice(2), 2)
MODEL = CostModel(
  SPACE, 3, (40, 60), stem_filters=(2, 4, 6), head_filters=5, aspp_rates=(2,)
)
GENOTYPE = genotype_lib.Genotype(
  (1, 0), ((('prev', 'max_pool_3x3'), ('prev_prev', 'skip_connect')),)
)


def compared(predicted, measured, width=2):
  return check.Compared(GENOTYPE, width, predicted, measured)

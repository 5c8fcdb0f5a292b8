"""Architectures with a name; each is a genotype file in the directory `zoo`.

    genotype = zoo.load('auto_deeplab')

`auto_deeplab` is the published network, path and cell, and `pnasnet5` the cell
of PNASNet-5 on the path that the DeepLab code gives it at output stride 16.

The others are the hand-made networks of Auto-DeepLab's Fig. 2 with the
published cell, so that only the path differs. The figure shows their shape, not
their layers: at which layer each one changes its stride is our reading.

  deeplabv3          down to stride 16, and stays there
  conv_deconv        down to stride 32, and back to 4 at the end
  stacked_hourglass  down to stride 32 and back to 4, twice

Reference:
  Auto-DeepLab, Fig. 2 and Fig. 3, https://arxiv.org/abs/1901.02985
  PNAS, Fig. 1, https://arxiv.org/abs/1712.00559
"""

from __future__ import annotations

import pathlib

from deeplab_nas.space import genotype as genotype_lib

_DIRECTORY = pathlib.Path(__file__).parent / 'zoo'


def names() -> tuple[str, ...]:
  """The names that `load` knows, sorted."""
  return tuple(sorted(file.stem for file in _DIRECTORY.glob('*.json')))


def load(name: str) -> genotype_lib.Genotype:
  """The architecture of that name.

  Raises:
    ValueError: If there is none; the message lists the names.
  """
  if name not in names():
    raise ValueError(
      f'no architecture is named {name!r}; known are {", ".join(names())}'
    )
  return genotype_lib.Genotype.load(_DIRECTORY / f'{name}.json')

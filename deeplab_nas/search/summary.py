"""What a search found, in words, with the command to go on with."""

from __future__ import annotations

import math
import os
import pathlib
import shlex
import sys
from collections.abc import Mapping
from typing import Any

from deeplab_nas.data import dataset_info
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import cost, genotype, primitives, search_space

# Widths of the paper's search and of its networks S, M and L.
_NETWORK_FILTERS = 20
_WEAK_KINDS = ('skip', 'max_pool', 'avg_pool')
_WEAK_SHARE = 0.4


def text(
  run: run_directory.RunDirectory,
  found: genotype.Genotype,
  space: search_space.SearchSpace,
  info: dataset_info.DatasetInfo,
  image_size: tuple[int, int],
  metrics: Mapping[str, Any],
) -> str:
  """The summary of a finished search.

  Args:
    run: Where its files are.
    found: The architecture.
    space: The space that was searched.
    info: The data's classes.
    image_size: (height, width) for which multiply-adds are counted.
    metrics: The last line of `metrics_log`.
  """
  parts = (
    f'Found architecture {found.digest}:',
    _indented(str(found)),
    '',
    _quality(metrics),
    *_warnings(found),
    '',
    _costs(found, space, info, image_size),
    '',
    files(
      ('architecture', run.genotype),
      ('its picture', run.pictures / 'genotype.png'),
      ('alpha and beta', run.pictures / 'alpha_beta.png'),
      ('predictions', run.pictures / 'panels.png'),
      ('numbers by epoch', run.metrics),
      ('settings, versions', run.config),
    ),
    '',
    _next(run),
  )
  return '\n'.join(parts)


def _quality(metrics: Mapping[str, Any]) -> str:
  if metrics.get('val_miou') is None:
    return 'The supernet was not validated.'
  lines = [
    f'Validation mIoU of the supernet: {100 * metrics["val_miou"]:.1f} %. This'
    ' is not the quality of the',
    'architecture, which has to be trained by itself.',
  ]
  return '\n'.join([*lines, *class_rows(metrics)])


def class_rows(metrics: Mapping[str, Any]) -> list[str]:
  """IoU by class, of a line of `metrics_log` that was validated."""
  shares = metrics.get('class_iou') or {}
  return [
    f'  {name:<20} {100 * value:5.1f} %'
    for name, value in shares.items()
    if value is not None
  ]


def _warnings(found: genotype.Genotype) -> list[str]:
  chosen = [primitives.BY_NAME[name].kind for _, name in found.edges()]
  weak = sum(kind in _WEAK_KINDS for kind in chosen)
  if weak / len(chosen) < _WEAK_SHARE:
    return []
  return [
    f'Note: {weak} of {len(chosen)} operations pool or skip, often a sign of a'
    ' search that was',
    'too short: try more search.epochs.',
  ]


def _costs(
  found: genotype.Genotype,
  space: search_space.SearchSpace,
  info: dataset_info.DatasetInfo,
  image_size: tuple[int, int],
) -> str:
  """Parameters and multiply-adds at the width of the search and at F = 20."""
  model = cost.CostModel(space, info.num_classes, tuple(image_size))
  lines = [
    'As a network of its own, for {} classes at {} x {} pixels:'.format(
      info.num_classes, *image_size
    )
  ]
  widths = dict.fromkeys((space.filter_multiplier, _NETWORK_FILTERS))
  for filters in widths:
    value = model.with_filter_multiplier(filters).of(found)
    lines.append(
      f'  F = {filters:<3} {count(value.params):>9} parameters'
      f' {count(value.macs):>9} multiply-adds'
    )
  return '\n'.join(lines)


def files(*rows: tuple[str, pathlib.Path]) -> str:
  """A table of the files and folders that are there."""
  return '\n'.join(f'{name:<20} {path}' for name, path in rows if path.exists())


def _next(run: run_directory.RunDirectory) -> str:
  """The exact commands to go on with."""
  folder = os.fspath(run.path)
  train = (
    *(python(), 'scripts/train.py', '--mode=train', f'--config={run.config}'),
    *(f'--genotype={run.genotype}', f'--run_dir={folder}_train'),
  )
  curves = (python(), '-m', 'tensorboard.main', '--logdir', run.tensorboard)
  return (
    'Next, train what was found:\n'
    f'  {shlex.join(train)}\n'
    'Or look at the curves and pictures:\n'
    f'  {shlex.join(map(os.fspath, curves))}'
  )


def python() -> str:
  """This interpreter as one would type it here."""
  path = pathlib.Path(sys.executable)
  here = pathlib.Path.cwd()
  return str(path.relative_to(here) if here in path.parents else path)


def count(value: float) -> str:
  """'1.23 M' from 1234567."""
  index = int(math.log10(max(value, 1)) // 3)
  return f'{value / 1000**index:.3g} {" KMBT"[index]}'.strip()


def _indented(lines: str) -> str:
  return '\n'.join(f'  {line}' for line in lines.splitlines())

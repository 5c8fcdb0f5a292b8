"""What a search found, in words, with the command to go on with."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from deeplab_nas import commands
from deeplab_nas.config import train as config_train
from deeplab_nas.data import dataset_info
from deeplab_nas.report import (
  arch_state,
  arch_verdict,
  baseline,
  decode_agreement,
  metrics_log,
)
from deeplab_nas.report import text as report_text
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import next_training
from deeplab_nas.space import collapse, cost, genotype, search_space, widest

# Whose decodes are compared with the last one.
_LAST_EPOCHS = 4


def summarize(
  run: run_directory.RunDirectory,
  found: genotype.Genotype,
  space: search_space.SearchSpace,
  info: dataset_info.DatasetInfo,
  image_size: tuple[int, int],
  metrics: Mapping[str, Any],
  network: config_train.NetworkConfig | None = None,
  state: arch_state.ArchState | None = None,
  concluded: str = '',
) -> str:
  """The summary of a finished search.

  Args:
    run: Where its files are.
    found: The architecture.
    space: The space that was searched.
    info: The data's classes.
    image_size: (height, width) for which multiply-adds are counted.
    metrics: The last line of `metrics_log`.
    network: The network that the architecture will become; None for the
      paper's.
    state: The architecture's, with what shows that it was learnt; None where
      that was not measured.
    concluded: How the strategy decided at the end, in words.
  """
  parts = (
    f'Found architecture {found.digest}:',
    _indented(str(found)),
    '',
    _quality(metrics),
    *_warnings(found),
    '',
    *filter(None, [concluded]),
    _evidence(state, run),
    *baseline.warned(metrics_log.read(run)),
    '',
    _costs(found, space, info, image_size, network),
    *_budget(state),
    '',
    report_text.files(
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
  lines += report_text.statistics(metrics) + baseline.sentences(metrics)
  return '\n'.join([*lines, *report_text.class_rows(metrics)])


def _warnings(found: genotype.Genotype) -> list[str]:
  if not collapse.is_collapsed(found):
    return []
  number, total = collapse.num_parameter_free(found), 2 * found.num_blocks
  return [
    f'Note: {number} of {total} operations pool or skip, often a sign of a'
    ' search that was',
    'too short: try more search.epochs.',
  ]


def _evidence(
  state: arch_state.ArchState | None, run: run_directory.RunDirectory
) -> str:
  """What the search decided, and what is as noise would have it."""
  if state is None:
    return arch_verdict.UNMEASURED
  return arch_verdict.describe(
    state.evidence,
    state.weights,
    state.space,
    (state.cost.unlimited if state.cost else state.genotype).path,
    decode_agreement.of_last(_searched(metrics_log.read(run)), _LAST_EPOCHS),
  )


def _searched(lines: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
  """Those of epochs with steps on the architecture."""
  return [line for line in lines if 'connections_decided' in line]


def _costs(
  found: genotype.Genotype,
  space: search_space.SearchSpace,
  info: dataset_info.DatasetInfo,
  image_size: tuple[int, int],
  network: config_train.NetworkConfig | None,
) -> str:
  """What it costs at the width of the search and of the network to be."""
  network = network or config_train.NetworkConfig()
  model = network.cost_model(space, info.num_classes, image_size)
  lines = [
    'As a network of its own, for {} classes at {} x {} pixels:'.format(
      info.num_classes, *image_size
    )
  ]
  widths = dict.fromkeys((space.filter_multiplier, network.filter_multiplier))
  for filters in widths:
    parts = model.with_filter_multiplier(filters).breakdown(found)
    value = sum(parts.values(), cost.Cost())
    lines += [
      f'  F = {filters:<3} {report_text.count(value.params):>9} parameters'
      f' {report_text.count(value.macs):>9} multiply-adds',
      f'          of these: {cost.format_shares(parts)}',
    ]
  return '\n'.join(lines)


def _budget(state: arch_state.ArchState | None) -> list[str]:
  """How the architecture stands to the search's budget, if it had one."""
  if state is None or state.cost is None:
    return []
  costs, count = state.cost, report_text.count
  height, width = costs.image_size
  found = (
    f'  {count(costs.found)} of at most {count(costs.budget)}'
    f' {widest.WORDS[costs.measure]} ({100 * costs.found / costs.budget:.0f} %)'
  )
  # A champion's mean is what it costs itself.
  if not math.isclose(costs.expected, costs.found, rel_tol=1e-3):
    found += (
      f'; {100 * costs.expected / costs.budget:.0f} % in the mean of what\n'
      f'  alpha and beta stand for, at a multiplier of {costs.multiplier:.3g}'
    )
  lines = [
    'Budget, as a network of F ='
    f' {costs.filter_multiplier:g} for images of {height} x {width} pixels:',
    found,
  ]
  if costs.unlimited != state.genotype:
    lines.append(
      f'  without the budget, the highest score has {costs.unlimited.digest},'
      f' with {count(costs.unlimited_cost)}; what is decided is of that one'
    )
  return ['', *lines]


def _next(run: run_directory.RunDirectory) -> str:
  """The exact commands to go on with."""
  folder = os.fspath(run.path)
  curves = (
    commands.python(),
    '-m',
    'tensorboard.main',
    '--logdir',
    run.tensorboard,
  )
  return (
    'Next, train what was found:\n'
    f'  {next_training.line(run, run.genotype)}\n'
    'Or see what else scores high, or the best within a budget:\n'
    f'  {commands.line("pick", f"--run_dir={folder}")}\n'
    'Or look at the curves and pictures:\n'
    f'  {shlex.join(map(os.fspath, curves))}'
  )


def _indented(lines: str) -> str:
  return '\n'.join(f'  {line}' for line in lines.splitlines())

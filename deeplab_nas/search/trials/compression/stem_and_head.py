"""How narrow stem and head of students are: one answer for a whole study."""

from __future__ import annotations

import contextlib
import dataclasses

from absl import logging

from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.search.trials import costs
from deeplab_nas.search.trials.compression import students
from deeplab_nas.space import cost, latency
from deeplab_nas.space import genotype as genotype_lib

# Of the teacher's filters.
_SHARES = tuple(eighths / 8 for eighths in range(7, 0, -1))
_SETTINGS = ('network.stem_filters', 'network.head_filters')


def narrowed(config: config_lib.Config) -> config_lib.Config:
  """The settings of a search, with stem and head of its students.

  Both have as many eighths of the teacher's filters as the teacher's
  architecture can have in all its parts alike within `esnac.share`: one
  multiplier of all widths, as in MobileNets, Sec. 3.3,
  https://arxiv.org/abs/1704.04861.

  Args:
    config: Every setting. Those of a network whose stem or head is narrower
      than the teacher's stay as they are, as do those of all searches that
      compress nothing.

  Raises:
    UserError: If there is no such teacher, or it does not fit.
  """
  measure = config.search.trial_measure
  if (
    not students.is_asked_for(config)
    or not config.esnac.narrow_stem_and_head
    or measure.startswith('cell_')
  ):
    return config
  data = config.data
  info = dataset_info.DatasetInfo.load(data.dir, data.dataset or None)
  teacher = students.read_teacher(config, info)
  ours = config.network
  wide = teacher.wide(ours)
  if wide != dataclasses.replace(
    ours, filter_multiplier=wide.filter_multiplier
  ):
    logging.info(
      'Students have %s, as network.* says; the teacher has %s.',
      _words(ours),
      _words(wide),
    )
    return config
  table = costs.latencies(config)
  model = students.model_of(config, wide, info.num_classes, table)
  share = _share(model, teacher.genotype, measure, config.esnac.share)
  if share is None:
    logging.warning(
      'The latency table times no narrower stem and head, so that students'
      ' have those of the teacher: %s adds some.',
      students.how_to_time(),
    )
    return config
  narrow = model.widths.with_stem_and_head(share)
  found = _with(config, narrow.stem_filters, narrow.head_filters)
  logging.info(
    'Students have %d/8 of the filters of stem and head: %s; the teacher has'
    ' %s.',
    round(8 * share),
    _words(found.network),
    _words(wide),
  )
  return found


def _words(network: config_lib.NetworkConfig) -> str:
  """'a stem of 16, 16, 32 and a head of 64 filters'."""
  stem = ', '.join(map(str, network.stem_filters))
  return f'a stem of {stem} and a head of {network.head_filters} filters'


def _share(
  model: cost.CostModel,
  genotype: genotype_lib.Genotype,
  measure: str,
  wanted: float,
) -> float | None:
  """That of the teacher's filters; None if no narrower ones were timed.

  Args:
    model: Counts networks as wide as the teacher.
    genotype: The teacher's.
    measure: What is counted.
    wanted: The share of the teacher's cost.

  Returns:
    The largest with which the whole is cheap enough, or else the least.
  """
  filters, found = model.space.filter_multiplier, None
  with contextlib.suppress(latency.UntimedError):
    budget = wanted * model.measure(genotype, measure)
    for share in _SHARES:
      narrow = model.with_stem_and_head(share)
      narrow.measure(genotype, measure)  # whether they were timed
      found = share
      narrow = narrow.with_filter_multiplier(max(share * filters, 1))
      if narrow.measure(genotype, measure) <= budget:
        break
  return found


def _with(
  config: config_lib.Config, stem: tuple[int, ...], head: int
) -> config_lib.Config:
  """As if --set had said so: what follows the search is told by that."""
  network = dataclasses.replace(
    config.network, stem_filters=stem, head_filters=head
  )
  kept = [x for x in config.overrides if not x.strip().startswith(_SETTINGS)]
  texts = (str(list(stem)).replace(' ', ''), str(head))
  said = [f'{name}={text}' for name, text in zip(_SETTINGS, texts)]
  return dataclasses.replace(config, network=network, overrides=(*kept, *said))

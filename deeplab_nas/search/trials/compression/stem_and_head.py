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
from deeplab_nas.train import teacher as teacher_lib

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
  teacher = teacher_lib.read(config.train.init_from, config.network, info)
  wide = teacher.wide(config.network)
  if (wide.stem_filters, wide.head_filters) != (
    config.network.stem_filters,
    config.network.head_filters,
  ):
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
  logging.info(
    'Stem and head of students have %d/8 of the filters that the teacher has:'
    ' %s and %d.',
    round(8 * share),
    ', '.join(map(str, narrow.stem_filters)),
    narrow.head_filters,
  )
  return _with(config, narrow.stem_filters, narrow.head_filters)


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

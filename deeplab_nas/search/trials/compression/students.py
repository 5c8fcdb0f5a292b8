"""The compression of a trained network: what is a student, and how good it is.

Reference:
  Cao, Wang and Kitani, Learnable embedding space for efficient neural
  architecture compression, Sec. 3, https://arxiv.org/abs/1902.00383, and the
  authors' code, which has the probabilities
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable

import numpy as np

from deeplab_nas import commands, errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.search.trials import costs, width
from deeplab_nas.space import cost, latency, search_space, widest
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.train import teacher as teacher_lib

# That an operation is replaced, and that a connection gets another source.
_REPLACED = (0.3, 0.4, 0.5, 0.6, 0.7)
_REWIRED = (0.003, 0.005, 0.01, 0.03, 0.05)
# Levels of layers that change in a random student, at most.
_DETOURS = 2
_DRAWS = 100


@dataclasses.dataclass(frozen=True)
class Students(search_space.SearchSpace):
  """The architectures of a space that cost no more than one of them.

  Random ones are that one after random moves, of which there are more or fewer:
  operations are replaced by cheaper ones, skips among them, layers change their
  level, connections their source.

  Attributes:
    teacher: An element of the space.
    cost: Of an architecture, as wide as the teacher is.
  """

  teacher: genotype_lib.Genotype | None = None
  cost: Callable[[genotype_lib.Genotype], float] | None = None

  @classmethod
  def of(
    cls,
    space: search_space.SearchSpace,
    teacher: genotype_lib.Genotype,
    measure: Callable[[genotype_lib.Genotype], float],
  ) -> Students:
    """Those of a space."""
    values = {
      field.name: getattr(space, field.name)
      for field in dataclasses.fields(search_space.SearchSpace)
    }
    return cls(**values, teacher=teacher, cost=functools.cache(measure))

  def is_student(self, genotype: genotype_lib.Genotype) -> bool:
    """Whether it costs no more than the teacher."""
    return self.cost(genotype) <= self.cost(self.teacher)

  def random(
    self, rng: np.random.Generator | int | None = None
  ) -> genotype_lib.Genotype:
    """A random student; see `SearchSpace.random`."""
    rng = np.random.default_rng(rng)
    for _ in range(_DRAWS):
      student = genotype_lib.Genotype(self._rerouted(rng), self._thinned(rng))
      if self.is_student(student):
        return student
    return self.teacher

  def mutate(
    self,
    parent: genotype_lib.Genotype,
    rng: np.random.Generator | int | None = None,
  ) -> genotype_lib.Genotype:
    """A neighbour that is a student; the parent if none is found."""
    rng = np.random.default_rng(rng)
    children = (
      super(Students, self).mutate(parent, rng) for _ in range(_DRAWS)
    )
    return next(filter(self.is_student, children), parent)

  def _rerouted(self, rng: np.random.Generator) -> tuple[int, ...]:
    """The teacher's path after some detours."""
    path = self.teacher.path
    for _ in range(rng.integers(_DETOURS + 1)):
      path = self._detour(path, rng)
    return path

  def _thinned(
    self, rng: np.random.Generator
  ) -> tuple[genotype_lib.Block, ...]:
    """The teacher's cell after some moves."""
    replaced, rewired = rng.choice(_REPLACED), rng.choice(_REWIRED)
    cell = []
    for block, terms in enumerate(self.teacher.cell):
      terms = list(terms)
      for i, (source, primitive) in enumerate(terms):
        cheaper = self._cheaper[block, i]
        if cheaper and rng.random() < replaced:
          primitive = cheaper[rng.integers(len(cheaper))]
        if rng.random() < rewired:
          names = map(self.cell.source_name, self.cell.sources(block))
          others = [name for name in names if name != terms[1 - i].source]
          source = others[rng.integers(len(others))]
        terms[i] = genotype_lib.Connection(source, primitive)
      cell.append(tuple(terms))
    return tuple(cell)

  @functools.cached_property
  def _cheaper(self) -> dict[tuple[int, int], list[str]]:
    """By block and term, the primitives that make the teacher cheaper."""
    cell, found = self.teacher.cell, {}
    names = [p.name for p in self.cell.primitives if not p.is_none]
    for block, terms in enumerate(cell):
      for i, (source, _) in enumerate(terms):
        found[block, i] = []
        for name in names:
          changed = list(terms)
          changed[i] = genotype_lib.Connection(source, name)
          other = genotype_lib.Genotype(
            self.teacher.path,
            (*cell[:block], tuple(changed), *cell[block + 1 :]),
          )
          if self.cost(other) < self.cost(self.teacher):
            found[block, i].append(name)
    return found


@dataclasses.dataclass(frozen=True)
class Compression:
  """What a study of compressions knows.

  Attributes:
    space: Its students.
    widths: Of students: at most the teacher's, and within the budget.
  """

  space: Students
  widths: width.Widths

  def is_within(self, genotype: genotype_lib.Genotype) -> bool:
    """Whether it is a student that can be built within the budget."""
    return self.space.is_student(genotype) and self.widths.is_within(genotype)

  def cheapest(
    self, genotypes: Iterable[genotype_lib.Genotype]
  ) -> genotype_lib.Genotype:
    """Of the students among some, the one that costs the least at least F."""
    students = filter(self.space.is_student, genotypes)
    return min(students, key=self.widths.least)


def is_asked_for(config: config_lib.Config) -> bool:
  """Whether a study compresses a network."""
  return config.search.strategy == config.esnac.NAME


def from_config(
  config: config_lib.Config,
  info: dataset_info.DatasetInfo,
  table: latency.LatencyTable | None = None,
) -> Compression:
  """The compression that settings ask for.

  Args:
    config: Every setting; `train.init_from` is the teacher.
    info: Of the data.
    table: Of latencies, where they are measured.

  Raises:
    UserError: If there is no such teacher, it does not fit, or no student is
      within the budget.
  """
  space, measure = config.space.build(), config.search.trial_measure
  teacher = read_teacher(config, info)
  wide = teacher.wide(config.network)
  filters, count = wide.filter_multiplier, info.num_classes
  whole = model_of(config, wide, count, table)
  model = model_of(config, config.network, count, table)
  model = model.with_filter_multiplier(filters)
  if measure == widest.LATENCY:
    sample = [teacher.genotype, *width.sample(space)]
    costs.check_covers(whole, [(teacher.genotype, filters)])
    costs.check_covers(model, [(genotype, filters) for genotype in sample])
  students = Students.of(
    space, teacher.genotype, lambda genotype: model.measure(genotype, measure)
  )
  budget = config.esnac.share * whole.measure(teacher.genotype, measure)
  found = Compression(students, width.Widths(model, budget, measure, filters))
  sample = (teacher.genotype, *width.sample(students))
  cheapest = found.cheapest(sample)
  if not found.is_within(cheapest):
    least = found.widths.least(cheapest) * config.esnac.share / budget
    raise errors.UserError(
      f'No student has as little as {config.esnac.share:g} of the'
      f' {widest.WORDS[measure]} of {teacher.folder}: the cheapest of'
      f' {len(sample)} has {math.ceil(1000 * least) / 1000:g} of them, at its'
      f' narrowest. Raise esnac.share to that or more{_or(config, wide)}.'
    )
  return found


def read_teacher(
  config: config_lib.Config, info: dataset_info.DatasetInfo
) -> teacher_lib.Teacher:
  """The network that a study compresses, an element of its space.

  Raises:
    UserError: If there is none, or it does not fit.
  """
  teacher = teacher_lib.read(config.train.init_from, config.network, info)
  try:
    config.space.build().check(teacher.genotype)
  except ValueError as error:
    raise errors.UserError(
      f'The architecture of {teacher.folder} is not in the space: {error}. Set'
      ' space.* as the search that found it did.'
    ) from error
  return teacher


def model_of(
  config: config_lib.Config,
  network: config_lib.NetworkConfig,
  num_classes: int,
  table: latency.LatencyTable | None = None,
) -> cost.CostModel:
  """Counts networks of some settings by the measure of the study.

  Args:
    config: Of the study.
    network: As the networks are.
    num_classes: Of the data.
    table: Of latencies, where they are measured.
  """
  space = config.space.build()
  if config.search.trial_measure == widest.LATENCY:
    config = dataclasses.replace(config, network=network)
    return costs.timed(config, space, num_classes, table)
  return network.cost_model(space, num_classes, config.data.crop_size)


def how_to_time() -> str:
  """What gives a table of latencies all that a student may be."""
  return (
    f'{commands.name("measure_latency")} with narrower --widths and'
    ' --stem_and_head=0.25,0.5,1'
  )


def _or(config: config_lib.Config, wide: config_lib.NetworkConfig) -> str:
  """What else helps."""
  if config.search.trial_measure == widest.LATENCY:
    return f', or time narrower networks: {how_to_time()}'
  if config.network.head_filters == wide.head_filters:
    return ', or have network.stem_filters and head_filters narrower'
  return ''


def judged(
  cost_removed: float, accuracy: float, accuracy_of_teacher: float
) -> dict[str, float]:
  """The scores of a student: c(2 - c) a / a_teacher, and what it is made of.

  Args:
    cost_removed: c, the share of the teacher's cost that it does not have.
    accuracy: a, of the student: its mIoU.
    accuracy_of_teacher: On the same images, above 0.

  Returns:
    'cost_removed', 'accuracy_kept' and 'reward'.
  """
  kept = accuracy / accuracy_of_teacher
  return {
    'cost_removed': cost_removed,
    'accuracy_kept': kept,
    'reward': cost_removed * (2 - cost_removed) * kept,
  }

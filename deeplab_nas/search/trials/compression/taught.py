"""The teacher of a study's trials: its network, and how good it is."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping

import numpy as np

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.nn.network import inheritance, shared_network
from deeplab_nas.nn.network import network as network_lib
from deeplab_nas.search.trials import costs
from deeplab_nas.search.trials.compression import students
from deeplab_nas.space import latency
from deeplab_nas.train import distillation
from deeplab_nas.train import teacher as teacher_lib


class Taught:
  """What a process keeps of the teacher from trial to trial.

  Attributes:
    network: The teacher's, with its weights.
  """

  def __init__(
    self,
    config: config_lib.Config,
    info: dataset_info.DatasetInfo,
    table: latency.LatencyTable | None,
  ):
    """Reads it.

    Args:
      config: Of the study.
      info: Of the data.
      table: Of latencies, where they are the measure.

    Raises:
      UserError: If it is gone, or does not fit.
    """
    train = config.train
    teacher = teacher_lib.read(train.init_from, config.network, info)
    self.network = distillation.load(teacher, config.network, train.precision)
    wide = dataclasses.replace(config, network=teacher.wide(config.network))
    self._cost = costs.of(wide, teacher.genotype, info.num_classes, table)
    self._measure = config.search.trial_measure
    self._share = 1.0 if train.distil_share is None else train.distil_share
    self._ignore_label = info.ignore_label
    self._accuracies: dict[str, float] = {}

  @functools.cached_property
  def soft_labels(self) -> distillation.SoftLabels | None:
    """What joins the loss of a trial; None for labels alone."""
    if not self._share:
      return None
    network = shared_network.of(self.network)
    return distillation.SoftLabels(network, self._share, self._ignore_label)

  def give_weights(
    self, student: network_lib.DerivedNetwork, seed: int
  ) -> None:
    """Has a student inherit the teacher's weights, as far as they fit."""
    inheritance.inherit(self.network, student, np.random.default_rng(seed))

  def judged(
    self,
    cost: Mapping[str, float],
    accuracy: float,
    images: str,
    measure: Callable[[], float],
  ) -> dict[str, float]:
    """The scores of a student, see `students.judged`.

    Args:
      cost: Of the student, every measure by name.
      accuracy: Its mIoU.
      images: A name for those on which that is.
      measure: Gives the teacher's mIoU on these, and is called once.

    Raises:
      UserError: If the teacher's is 0.
    """
    if images not in self._accuracies:
      self._accuracies[images] = measure()
    known = self._accuracies[images]
    errors.require(
      known > 0, 'The mIoU of the teacher is 0: train it longer, or another.'
    )
    removed = 1 - cost[self._measure] / self._cost[self._measure]
    return students.judged(removed, accuracy, known)

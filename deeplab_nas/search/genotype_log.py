"""genotype.json, as the search stands, and what it was after every epoch."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from absl import logging

from deeplab_nas.run import directory as run_directory


class GenotypeLog(tf.keras.callbacks.Callback):
  """Writes the genotype after every epoch and at the end."""

  def __init__(self, run: run_directory.RunDirectory):
    super().__init__()
    self._run = run
    self._digest = None

  def on_epoch_end(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    genotype = self.model.strategy.genotype()
    self._run.genotypes.mkdir(exist_ok=True)
    genotype.save(self._run.genotype_of_epoch(epoch + 1))
    genotype.save(self._run.genotype)
    if genotype.digest != self._digest:
      logging.info('Architecture %s:\n%s', genotype.digest, genotype)
    self._digest = genotype.digest

  def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
    self.model.strategy.genotype().save(self._run.genotype)

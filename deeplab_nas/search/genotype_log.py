"""genotype.json, as the search stands, and what it was after every epoch."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from absl import logging

from deeplab_nas.report import arch_state
from deeplab_nas.run import directory as run_directory


class GenotypeLog(tf.keras.callbacks.Callback):
  """Writes the genotype after every epoch and at the end."""

  def __init__(
    self, run: run_directory.RunDirectory, read_arch: arch_state.ReadArch
  ):
    super().__init__()
    self._read_arch = read_arch
    self._run = run
    self._digest = None

  def on_epoch_end(
    self, epoch: int, logs: Mapping[str, float] | None = None
  ) -> None:
    genotype = self._read_arch().genotype
    self._run.genotypes.mkdir(exist_ok=True)
    genotype.save(self._run.genotype_of_epoch(epoch + 1))
    genotype.save(self._run.genotype)
    if genotype.digest != self._digest:
      logging.info('Architecture %s:\n%s', genotype.digest, genotype)
    self._digest = genotype.digest

  def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
    self._read_arch().genotype.save(self._run.genotype)

"""genotype.json and arch_weights.json, and genotypes after every epoch."""

from __future__ import annotations

from collections.abc import Mapping

import tensorflow as tf
from absl import logging

from deeplab_nas.report import arch_state
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import arch_weights


class GenotypeLog(tf.keras.callbacks.Callback):
  """Writes the genotype and its weights after every epoch and at the end."""

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
    state = self._read_arch()
    genotype = state.genotype
    self._run.genotypes.mkdir(exist_ok=True)
    genotype.save(self._run.genotype_of_epoch(epoch + 1))
    save(self._run, state)
    if genotype.digest != self._digest:
      logging.info('Architecture %s:\n%s', genotype.digest, genotype)
    self._digest = genotype.digest

  def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
    save(self._run, self._read_arch())


def save(run: run_directory.RunDirectory, state: arch_state.ArchState) -> None:
  """Writes an architecture and the weights that it was read off."""
  arch_weights.save(state.weights, run.arch_weights)
  state.genotype.save(run.genotype)

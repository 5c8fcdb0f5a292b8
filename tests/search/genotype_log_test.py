"""Genotype files of a real search."""

import logging

import numpy as np

from deeplab_nas.report import metrics_log
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import genotype_log
from deeplab_nas.space import arch_weights, decode, genotype


def test_every_epoch_has_its_file(finished):
  names = sorted(path.name for path in finished.run.genotypes.iterdir())
  assert names == ['epoch_0001.json', 'epoch_0002.json']
  digests = [line['digest'] for line in metrics_log.read(finished.run)]
  for epoch, digest in enumerate(digests, start=1):
    path = finished.run.genotype_of_epoch(epoch)
    assert genotype.Genotype.load(path).digest == digest


def test_the_last_one_is_the_found_one(finished):
  found = genotype.Genotype.load(finished.run.genotype)
  assert found == finished.searcher.arch_state().genotype
  assert found in finished.searcher.space


def test_the_weights_are_those_that_it_was_read_off(finished):
  space = finished.searcher.space
  weights = arch_weights.load(finished.run.arch_weights, space)
  state = finished.searcher.arch_state()
  for found, expected in zip(weights, state.weights):
    np.testing.assert_array_equal(found, expected)
  assert decode.decode(weights, space) == state.genotype


def test_an_architecture_is_logged_once(tmp_path, finished, caplog):
  caplog.set_level(logging.INFO, logger='absl')
  run = run_directory.RunDirectory.create(tmp_path)
  log = genotype_log.GenotypeLog(run, finished.searcher.arch_state)
  log.set_model(finished.searcher)
  log.on_epoch_end(0)
  log.on_epoch_end(1)
  assert caplog.text.count('Architecture') == 1

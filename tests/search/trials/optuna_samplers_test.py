"""Optuna's samplers see what they have to, and nothing else."""

import dataclasses

import numpy as np
import pytest

from benchmarks import races
from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import optuna_samplers
from tests.search.trials import studies

TASK = studies.task(studies.MIDDLE)


def scored(count, offset=0):
  return [
    studies.trial(i + offset, genotype, TASK.losses[0](genotype))
    for i, genotype in enumerate(
      studies.genotypes(studies.MIDDLE, count + offset)[offset:]
    )
  ]


def genes(genotype):
  """Level by layer, and source with primitive by block."""
  terms = [(i, *c) for i, block in enumerate(genotype.cell) for c in block]
  return {*enumerate(genotype.path), *terms}


@pytest.mark.parametrize(('count', 'are_inherited'), [(5, False), (12, True)])
def test_children_of_nsga2_have_the_genes_of_the_best(count, are_inherited):
  """Once there is a generation, and where nothing mutates.

  Moves are inherited, and make other levels where they are mixed: here all
  parents have one path.
  """
  settings = config_strategies.Nsga2Config(6, mutation_probability=0.0)
  search = optuna_samplers.Nsga2(TASK.study, settings)
  trials = [
    t._replace(
      proposal=t.proposal._replace(
        genotype=dataclasses.replace(t.genotype, path=(0, 0, 1, 1, 2, 2))
      )
    )
    for t in scored(count)
  ]
  best = sorted(trials, key=TASK.study.loss)[:6]
  of_best = set().union(*(genes(t.genotype) for t in best))
  children = [
    search.propose(trials, np.random.default_rng(seed)).genotype
    for seed in range(8)
  ]
  assert all(c.path == (0, 0, 1, 1, 2, 2) for c in children) == are_inherited
  primitives = {p for _, _, p in (g for g in of_best if len(g) == 3)}
  if are_inherited:
    for child in children:
      assert {p for block in child.cell for _, p in block} <= primitives


def test_a_pending_trial_counts_as_bad_for_tpe():
  search = optuna_samplers.Tpe(TASK.study, config_strategies.TpeConfig(6))
  trials = scored(12)
  alone = search.propose(trials, np.random.default_rng(0))
  pending = [
    studies.trial(12 + i, alone.genotype, parent=None) for i in range(3)
  ]
  assert search.propose(trials + pending, np.random.default_rng(0)) != alone


@pytest.mark.parametrize('name', ['nsga2', 'tpe'])
def test_what_is_kept_between_proposals_changes_none(name):
  """A study that was told the history bit by bit, with pending trials."""
  search = studies.build(name, TASK.study)
  trials = races.run(TASK, search, 10 * 400, workers=3)
  for number in range(len(trials), len(trials) + 3):
    rng = (np.random.default_rng(number) for _ in range(2))
    kept = search.propose(trials, next(rng))
    assert studies.build(name, TASK.study).propose(trials, next(rng)) == kept
    trials = [*trials, studies.trial(number, kept.genotype, 0.1)]

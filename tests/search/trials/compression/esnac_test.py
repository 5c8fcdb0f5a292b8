"""Where a compression begins, and what is said of its end."""

import dataclasses

import numpy as np

from deeplab_nas.config import strategies as config_strategies
from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.compression import esnac
from tests.search.trials import studies

TEACHER, OTHER = studies.genotypes(studies.MIDDLE, 2)
STUDY = strategy.Study(
  studies.MIDDLE, (studies.FULL,), ('reward',), start=TEACHER
)
SETTINGS = config_strategies.EsnacConfig(num_initial=3)


def proposed(trials, study=STUDY):
  search = esnac.Esnac(study, SETTINGS)
  return search.propose(trials, np.random.default_rng(len(trials)))


def student(number, genotype, reward, removed=0.5, kept=0.8):
  scores = {'reward': reward, 'cost_removed': removed, 'accuracy_kept': kept}
  proposal = strategy.Proposal(genotype, studies.FULL)
  return strategy.Trial(number, proposal, number, scores, 1.0)


def test_its_kernel_is_the_learnt_one():
  assert SETTINGS.kernel == 'esnac'


def test_the_first_student_is_the_teacher_made_narrower():
  assert proposed([]) == strategy.Proposal(TEACHER, studies.FULL)
  second = proposed([student(0, TEACHER, 0.6)])
  assert second.genotype != TEACHER and second.is_random


def test_a_teacher_that_no_width_brings_within_the_budget_is_left_out():
  study = dataclasses.replace(STUDY, is_within=lambda g: g != TEACHER)
  assert proposed([], study).genotype != TEACHER


def test_the_student_of_the_largest_reward_is_found():
  search = esnac.Esnac(STUDY, SETTINGS)
  trials = [student(0, TEACHER, 0.6), student(1, OTHER, 0.7, 0.52, 0.9)]
  assert search.best(trials) == [OTHER]
  first, second = search.remarks(trials)
  assert '48.0 % of what the teacher does' in first
  assert '90.0 % of its mIoU' in first
  assert 'made narrower costs 50.0 %' in second
  assert len(search.remarks(trials[:1])) == 1
  assert not search.remarks([])

"""A job survives its way to another process, and has a name of its own."""

import pathlib

import numpy as np
import pytest

from deeplab_nas.search.trials import job as job_lib
from deeplab_nas.search.trials import strategy
from deeplab_nas.space import search_space

SPACE = search_space.SearchSpace()


def architecture(seed):
  return SPACE.random(np.random.default_rng(seed))


JOB = job_lib.Job(
  7,
  architecture(0),
  strategy.Fidelity(400, 0.5, 0.7),
  3,
  7.25,
  pathlib.Path('a b') / '0007',
)


def test_a_line_is_read_back():
  assert '\n' not in JOB.to_line()
  assert job_lib.Job.from_line(JOB.to_line() + '\n') == JOB
  final = JOB._replace(purpose=job_lib.FINAL)
  assert job_lib.Job.from_line(final.to_line()) == final


@pytest.mark.parametrize(
  'change',
  [
    {'number': 8},
    {'parent': 3},
    {'parent': 0},
    {'keeps_weights': True},
    {'genotype': architecture(1)},
    {'fidelity': strategy.Fidelity(401, 0.5, 0.7)},
    {'seed': 4},
    {'purpose': job_lib.FINAL},
    {'filter_multiplier': 7.5},
  ],
)
def test_its_key_depends_on_all_that_decides_the_outcome(change):
  assert JOB._replace(**change).key != JOB.key


def test_a_folder_that_was_moved_keeps_its_outcomes():
  assert JOB._replace(folder=pathlib.Path('elsewhere')).key == JOB.key


def test_the_weights_of_a_parent_are_in_the_folder_beside():
  assert JOB.parent_weights is None
  child = JOB._replace(parent=0, keeps_weights=True)
  assert child.parent_weights == pathlib.Path('a b') / '0000' / 'weights.npz'
  assert child.weights == pathlib.Path('a b') / '0007' / 'weights.npz'
  assert job_lib.Job.from_line(child.to_line()) == child

"""The baseline."""

import numpy as np

from deeplab_nas.search.trials import fresh, strategy
from tests.search.trials import studies


def test_a_proposal_is_a_full_trial_of_a_random_architecture():
  study = studies.task(studies.MIDDLE, fidelities=studies.FIDELITIES).study
  trials = [studies.trial(0, *studies.genotypes(studies.MIDDLE, 1), 0.5)]
  search = studies.build('random', study)
  proposal = search.propose(trials, np.random.default_rng(3))
  drawn = fresh.random(study, set(), np.random.default_rng(3))
  assert proposal == strategy.Proposal(drawn, studies.FULL, is_random=True)

"""What strategies ask the history."""

import pytest

from deeplab_nas.search.trials import history, strategy
from tests.search.trials import studies

SHORT, _, FULL = studies.FIDELITIES
A, B, C = studies.genotypes(studies.MIDDLE, 3)
STUDY = strategy.Study(studies.MIDDLE, studies.FIDELITIES)


def test_pending_and_failed_trials_were_tried_and_have_no_scores():
  trials = [
    studies.trial(0, A),
    studies.trial(1, B, failure='nan'),
    studies.trial(2, C, 0.5),
  ]
  assert history.tried(trials, FULL) == {A, B, C}
  assert history.tried(trials, SHORT) == set()
  assert history.scored(STUDY, trials, FULL) == trials[2:]


def test_the_best_trial_is_one_of_the_longest():
  trials = [
    studies.trial(0, A, 0.1, SHORT),
    studies.trial(1, A, 0.5),
    studies.trial(2, B, 0.4),
    studies.trial(3, C, failure='nan'),
  ]
  assert history.best_trial(STUDY, trials) == trials[2]
  assert history.best_trial(STUDY, trials[:1]) == trials[0]
  assert history.best_trial(STUDY, trials[3:]) is None


def test_what_chance_drew_stays_so_where_it_goes_on():
  first = studies.trial(0, A, 0.1, SHORT)
  first = first._replace(proposal=first.proposal._replace(is_random=True))
  trials = [first, studies.trial(1, A, 0.5), studies.trial(2, B, 0.4)]
  assert history.drawn(trials) == {A}


def test_what_was_only_scored_by_a_hypernetwork_was_not_trained():
  scored = strategy.Fidelity(9, evaluator=strategy.HYPERNETWORK)
  first, second = studies.trial(0, A, 0.1, scored), studies.trial(1, B, 0.5)
  trials = [
    t._replace(proposal=t.proposal._replace(is_random=True))
    for t in (first, second)
  ]
  assert history.num_trained(trials) == 1
  assert history.drawn(trials) == {B}


@pytest.mark.parametrize('loss', [float('nan'), float('inf'), -float('inf')])
def test_a_loss_that_is_no_number_is_no_score(loss):
  trials = [studies.trial(0, A, loss)]
  assert history.scored(STUDY, trials, FULL) == []
  assert history.best(STUDY, trials) == []


def test_seeds_of_one_architecture_are_averaged():
  trials = [
    studies.trial(0, A, 0.1),
    studies.trial(1, B, 0.25),
    studies.trial(2, A, 0.5),
  ]
  losses = history.mean_losses(STUDY, trials)
  assert losses[A] == pytest.approx((0.3,)) and losses[B] == (0.25,)
  assert history.best(STUDY, trials) == [B]


def test_a_longer_trial_counts_for_more_than_a_better_short_one():
  trials = [studies.trial(0, A, 0.1, SHORT), studies.trial(1, B, 0.9, FULL)]
  assert history.best(STUDY, trials) == [B]
  assert history.best(STUDY, trials[:1]) == [A]


def test_trials_of_fidelities_that_a_study_lacks_do_not_count():
  foreign = studies.trial(0, A, 0.1, strategy.Fidelity(7))
  assert history.best(STUDY, [foreign]) == []

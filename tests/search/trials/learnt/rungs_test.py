"""How well short trials rank full ones, and when that is not enough."""

import numpy as np
import pytest

from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.learnt import rungs
from tests.search.trials import studies

SHORT = studies.FIDELITIES[0]
STUDY = strategy.Study(studies.MIDDLE, (SHORT, studies.FULL))
GENOTYPES = studies.genotypes(studies.MIDDLE, 300)


def history(short, full):
  """Short trials of all, full ones where there is a number."""
  trials = [
    studies.trial(i, g, x, SHORT)
    for i, (g, x) in enumerate(zip(GENOTYPES, short))
  ]
  return trials + [
    studies.trial(len(short) + i, GENOTYPES[i], y)
    for i, y in enumerate(full)
    if np.isfinite(y)
  ]


def drawn(correlation, count, seed=0):
  rng = np.random.default_rng(seed)
  short, other = rng.normal(size=(2, count))
  return short, correlation * short + np.sqrt(1 - correlation**2) * other


def exact(correlation, count):
  """Scores that have this correlation, to the digit."""
  short, full = drawn(0.0, count)
  short = (short - short.mean()) / short.std()
  full -= np.polyval(np.polyfit(short, full, 1), short)
  rest = np.sqrt(1 - correlation**2)
  return short, correlation * short + rest * full / full.std()


@pytest.mark.parametrize('correlation', [0.3, 0.5, 0.8])
def test_selection_does_not_hide_a_correlation(correlation):
  """Full trials of the best third alone: the plain one would be far less."""
  values, plain = [], []
  for seed in range(30):
    short, full = drawn(correlation, 150, seed)
    third = short <= np.quantile(short, 1 / 3)
    trials = history(short, np.where(third, full, np.nan))
    (seen,) = rungs.correlations(STUDY, trials)
    assert seen.pairs == 50
    values.append(seen.value)
    plain.append(np.corrcoef(short[third], full[third])[0, 1])
  doubt = 3 * np.std(values) / np.sqrt(30)
  assert abs(np.mean(values) - correlation) < doubt
  assert np.mean(plain) < correlation - doubt


def test_the_interval_covers_the_truth_as_often_as_it_says():
  covered = 0
  for seed in range(200):
    (seen,) = rungs.correlations(STUDY, history(*drawn(0.5, 12, seed)))
    covered += seen.low <= 0.5 <= seen.high
  assert 180 <= covered <= 198


@pytest.mark.parametrize('pairs', [0, 3])
def test_few_pairs_say_nothing(pairs):
  short, full = drawn(0.9, 20)
  full[pairs:] = np.nan
  (seen,) = rungs.correlations(STUDY, history(short, full))
  assert np.isnan(seen.value) and seen.pairs == pairs
  assert seen.shrunk == 0.6
  assert 'not known yet' in rungs.sentence(STUDY, 0, seen, 0.4)


def test_a_few_pairs_count_as_much_as_what_was_expected():
  (seen,) = rungs.correlations(STUDY, history(*exact(0.0, 7)))
  assert seen.value == pytest.approx(0, abs=1e-6)
  assert seen.shrunk == pytest.approx(np.tanh(np.arctanh(0.6) / 2), abs=1e-6)


@pytest.mark.parametrize(
  ('correlation', 'words'),
  [(0.1, 'too low to trust (below 0.4)'), (0.9, 'architectures).')],
)
def test_a_sentence_says_when_it_is_too_low_to_trust(correlation, words):
  (seen,) = rungs.correlations(STUDY, history(*exact(correlation, 40)))
  text = rungs.sentence(STUDY, 0, seen, 0.4)
  assert words in text and f'{seen.value:.2f}' in text and '100 steps' in text


def test_it_says_when_it_may_be_too_low():
  (seen,) = rungs.correlations(STUDY, history(*exact(0.75, 9)))
  assert seen.low < 0.4 < seen.value
  assert 'may also be below 0.4.' in rungs.sentence(STUDY, 0, seen, 0.4)


def test_equal_scores_say_nothing():
  (seen,) = rungs.correlations(STUDY, history([0.5] * 6, np.arange(6.0)))
  assert np.isnan(seen.value)


def test_a_short_trial_that_went_astray_makes_no_other_one_more_telling():
  """It has no full trial, and is no measure of how others differ."""
  short, full = drawn(0.5, 30)
  full[8:] = np.nan
  (before,) = rungs.correlations(STUDY, history(short, full))
  (after,) = rungs.correlations(
    STUDY, history([*short, 1000.0], [*full, np.nan])
  )
  assert after.value == pytest.approx(before.value, abs=0.15)


def test_all_of_it_is_finite_where_pairs_agree_to_the_digit():
  short = np.arange(30.0)
  full = np.where(short < 5, 1e-3 * short, np.nan)
  (seen,) = rungs.correlations(STUDY, history(short, full))
  assert np.isfinite(seen).all()

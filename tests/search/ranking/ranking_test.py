"""What is said of rankings that were made up, in words, numbers, a picture."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from deeplab_nas.search.ranking import ranking, references
from tests.search.trials import studies

GENOTYPES = studies.genotypes(studies.MIDDLE, 50)
RESULTS = np.random.default_rng(0).permutation(50) / 50


def made(scores, second_seed=None):
  values = {
    genotype: (float(x),) if second_seed is None else (float(x), float(y))
    for genotype, x, y in zip(
      GENOTYPES, RESULTS, RESULTS if second_seed is None else second_seed
    )
  }
  found = references.References('runs/random', 'cross_entropy', 400, values)
  return ranking.Ranking(found, dict(zip(GENOTYPES, map(float, scores))))


def test_the_same_ranking_can_be_chosen_by():
  same = made(3 * RESULTS + 1, second_seed=RESULTS + 1e-3)
  text = same.describe()
  rows = [line.split() for line in text.splitlines()[:4]]
  assert rows[0] == ['tau', '95', '%', 'p', 'of']
  assert rows[1][:5] == ['all', '1.00', '1.00', 'to', '1.00']
  assert rows[2][:3] == ['best', 'fifth', '1.00'] and rows[2][-1] == '10'
  assert rows[3][:3] == ['two', 'seeds', '1.00'] and rows[3][-2:] == ['-', '50']
  assert 'They can be chosen by' in text and 'agree by 1.00' in text


@pytest.mark.parametrize(
  ('scores', 'verdict'),
  [
    (-RESULTS, 'Within chance'),
    (np.random.default_rng(1).random(50), 'Within chance'),
    (np.full(50, 7), 'all equal: nothing is ranked'),
    (np.where(RESULTS < 0.2, 0.1 - RESULTS, RESULTS), 'do not rank the best'),
    (
      RESULTS + np.random.default_rng(1).normal(0, 0.9, 50),
      'too weakly to choose by',
    ),
  ],
)
def test_other_rankings_cannot(scores, verdict):
  found = made(scores)
  assert verdict in found.verdict()
  assert 'unknown: fewer than 5' in found.describe()


@pytest.mark.parametrize(
  ('count', 'verdict'),
  [(20, 'the best fifth, so few cannot say'), (21, 'can be chosen by')],
)
def test_of_a_best_fifth_of_few_nothing_is_said(count, verdict):
  whole = made(RESULTS)
  scores = dict(list(whole.scores.items())[:count])
  assert verdict in ranking.Ranking(whole.found, scores).verdict()


def test_too_few_finite_scores_are_not_called_equal():
  scores = np.full(50, math.nan)
  scores[:3] = 1, 2, 3
  assert 'Fewer than 5 architectures' in made(scores).verdict()


def test_what_is_not_finite_is_left_out():
  scores = RESULTS.copy()
  scores[[3, 8]] = math.nan, math.inf
  found = made(scores)
  assert found.overall.count == 48 and found.overall.value == pytest.approx(1)
  assert '2 without a finite score are left out' in found.describe()


def test_all_numbers_are_in_a_file(tmp_path):
  found = made(RESULTS**2)
  found.save(tmp_path / 'result.json', {'weights': 'ab'})
  content = json.loads((tmp_path / 'result.json').read_text())
  assert content['weights'] == 'ab'
  assert content['results'] == {
    'source': 'runs/random',
    'score': 'cross_entropy',
    'steps': 400,
  }
  assert content['tau']['value'] == pytest.approx(1)
  assert content['tau_of_two_seeds'] is None
  assert content['verdict'] == found.verdict()
  rows = content['architectures']
  assert [row['results'] for row in rows] == [[x] for x in RESULTS]
  assert [row['digest'] for row in rows] == [g.digest for g in GENOTYPES]
  few = made(RESULTS[:4])
  few.save(tmp_path / 'few.json', {})
  assert json.loads((tmp_path / 'few.json').read_text())['tau']['low'] is None


def test_the_picture_is_drawn(tmp_path):
  made(RESULTS, second_seed=RESULTS**2).draw(tmp_path / 'a.png', 'miou')
  with Image.open(tmp_path / 'a.png') as image:
    colours = {x for _, x in image.convert('RGB').getcolors(1 << 24)}
  assert {(31, 119, 180), (214, 39, 40)} <= colours  # C0 and C3

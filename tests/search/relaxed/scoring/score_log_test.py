"""Scores come back as they were noted, unless something else was scored."""

import math

import numpy as np

from deeplab_nas.search.relaxed.scoring import score_log
from tests.search import tiny

RNG = np.random.default_rng(0)
FIRST, SECOND = (tiny.SPACE.random(RNG) for _ in range(2))
FACTS = {'weights': 'ab', 'num_images': None}


def test_scores_come_back(tmp_path):
  path = tmp_path / 'scores.jsonl'
  log = score_log.ScoreLog(path, FACTS)
  log.add(FIRST, {'miou': 0.1 + 0.2, 'cross_entropy': math.inf})
  log.add(SECOND, {'miou': 0.5})
  again = score_log.ScoreLog(path, FACTS)
  assert list(again) == [FIRST, SECOND] and len(again) == 2
  assert again[FIRST]['miou'] == 0.1 + 0.2
  assert math.isnan(again[FIRST]['cross_entropy'])
  assert again[SECOND] == {'miou': 0.5}


def test_a_line_that_was_cut_off_is_scored_again(tmp_path):
  path = tmp_path / 'scores.jsonl'
  log = score_log.ScoreLog(path, FACTS)
  log.add(FIRST, {'miou': 0.25})
  whole = path.read_bytes()
  log.add(SECOND, {'miou': 0.5})
  for length in range(len(whole), len(path.read_bytes()) - 1, 7):
    path.write_bytes((whole + path.read_bytes()[len(whole) :])[:length])
    again = score_log.ScoreLog(path, FACTS)
    assert FIRST in again and SECOND not in again
    again.add(SECOND, {'miou': 0.5})
    assert SECOND in score_log.ScoreLog(path, FACTS)


def test_other_weights_have_no_scores_yet(tmp_path):
  path = tmp_path / 'scores.jsonl'
  score_log.ScoreLog(path, FACTS).add(FIRST, {'miou': 0.25})
  for facts in ({**FACTS, 'weights': 'cd'}, {**FACTS, 'num_images': 3}):
    assert FIRST not in score_log.ScoreLog(path, facts)
  assert FIRST not in score_log.ScoreLog(path, FACTS)  # begun anew

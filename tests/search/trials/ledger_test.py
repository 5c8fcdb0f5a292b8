"""What is noted of trials is read back, whenever the process ends."""

import json
import math
import os
import signal
import sqlite3
import subprocess
import sys
import time

import numpy as np
import optuna
import pytest

from deeplab_nas import errors
from deeplab_nas.search.trials import ledger as ledger_lib
from deeplab_nas.search.trials import strategy
from deeplab_nas.space import genotype, search_space

SPACE = search_space.SearchSpace()
OBJECTIVES = ('cross_entropy', 'miou')
SCORES = {'cross_entropy': 1 / 3, 'miou': 0.1 + 0.2, 'params': 12345.0}


def proposal(seed=0, parent=None):
  rng = np.random.default_rng(seed)
  fidelity = strategy.Fidelity(400, image_scale=1 / 3, width=0.7)
  return strategy.Proposal(SPACE.random(rng), fidelity, parent)


@pytest.fixture
def path(tmp_path):
  return tmp_path / 'ledger.db'


def reopened(ledger):
  ledger.close()
  return ledger_lib.Ledger(ledger.path, ledger.objectives)


def test_a_study_is_read_back_as_it_was_written(path):
  ledger = ledger_lib.Ledger(path, OBJECTIVES)
  ledger.append(proposal(0)._replace(is_random=True), seed=3)
  child = proposal(1, parent=0)._replace(inherits=True)
  ledger.append(child, seed=2**31 - 1)
  ledger.append(proposal(2), seed=5)
  ledger.lose(0)
  ledger.lose(1)
  ledger.lose(1)
  ledger.finish(0, scores=SCORES, seconds=12.34)
  ledger.finish(1, failure='nan', seconds=5.0)
  ledger.seconds = 17.5
  trials = ledger.trials
  assert trials == (
    strategy.Trial(0, proposal(0)._replace(is_random=True), 3, SCORES, 12.34),
    strategy.Trial(1, child, 2**31 - 1, None, 5.0, 'nan'),
    strategy.Trial(2, proposal(2), 5),
  )
  again = reopened(ledger)
  assert again.trials == trials
  assert [again.num_lost(number) for number in range(3)] == [1, 2, 0]
  assert again.seconds == 17.5
  assert again.append(proposal(3), seed=0).number == 3


def test_scores_that_are_no_numbers_are_kept(path):
  ledger = ledger_lib.Ledger(path, OBJECTIVES)
  ledger.append(proposal(), seed=0)
  ledger.finish(0, scores={'cross_entropy': math.nan, 'miou': -math.inf})
  scores = reopened(ledger).trials[0].scores
  assert math.isnan(scores['cross_entropy'])
  assert scores['miou'] == -math.inf


def test_a_trial_ends_once_and_in_one_way(path):
  ledger = ledger_lib.Ledger(path, OBJECTIVES)
  ledger.append(proposal(), seed=0)
  with pytest.raises(ValueError, match='either scores or a failure'):
    ledger.finish(0)
  with pytest.raises(ValueError, match='either scores or a failure'):
    ledger.finish(0, scores=SCORES, failure='nan')
  ledger.finish(0, scores=SCORES)
  with pytest.raises(ValueError, match='not pending'):
    ledger.finish(0, failure='nan')


def test_optunas_own_tools_read_it(path):
  ledger = ledger_lib.Ledger(path, OBJECTIVES)
  for number, failure in enumerate((None, 'nan', None)):
    ledger.append(proposal(number), seed=0)
    scores = None if failure else {'cross_entropy': number, 'miou': number}
    ledger.finish(number, scores=scores, failure=failure)
  ledger.append(proposal(4), seed=0)
  ledger.close()
  study = optuna.load_study(study_name=None, storage=f'sqlite:///{path}')
  assert study.metric_names == list(OBJECTIVES)
  states = [trial.state.name for trial in study.trials]
  assert states == ['COMPLETE', 'FAIL', 'COMPLETE', 'RUNNING']
  # Less cross-entropy and more mIoU are better: neither is worse in both.
  assert [trial.number for trial in study.best_trials] == [0, 2]


def test_a_trial_whose_state_was_not_written_is_finished(path):
  """A kill between the two transactions that end a trial leaves such a file."""
  ledger = ledger_lib.Ledger(path, OBJECTIVES)
  ledger.append(proposal(), seed=0)
  ledger.finish(0, scores=SCORES)
  ledger.close()
  with sqlite3.connect(path) as database:
    database.execute("UPDATE trials SET state = 'RUNNING'")
  again = ledger_lib.Ledger(path, OBJECTIVES)
  assert again.trials[0].scores == SCORES
  again.close()
  study = optuna.load_study(study_name=None, storage=f'sqlite:///{path}')
  assert study.trials[0].state == optuna.trial.TrialState.COMPLETE


@pytest.mark.parametrize('name', ['a?b#c%20d', "it's; DROP TABLE", 'ä ö'])
def test_any_folder_will_do(tmp_path, name):
  folder = tmp_path / name
  folder.mkdir()
  ledger = ledger_lib.Ledger(folder / 'ledger.db', OBJECTIVES)
  ledger.append(proposal(), seed=0)
  assert len(reopened(ledger).trials) == 1
  assert [file.name for file in folder.iterdir()] == ['ledger.db']


@pytest.mark.parametrize('content', [b'', b'text', b'SQLite format 3\0' * 9])
def test_what_is_no_ledger_is_refused_in_a_sentence(path, content):
  path.write_bytes(content)
  with pytest.raises(errors.UserError, match=r'ledger.db is no ledger'):
    ledger_lib.Ledger(path, OBJECTIVES)


def test_a_damaged_record_is_refused_in_a_sentence(path):
  ledger = ledger_lib.Ledger(path, OBJECTIVES)
  ledger.append(proposal(), seed=0)
  ledger.close()
  with sqlite3.connect(path) as database:
    database.execute('UPDATE trial_user_attributes SET value_json = \'{"a"\'')
  with pytest.raises(errors.UserError, match='damaged'):
    ledger_lib.Ledger(path, OBJECTIVES)


def test_other_objectives_are_refused_in_a_sentence(path):
  ledger_lib.Ledger(path, OBJECTIVES).close()
  with pytest.raises(errors.UserError, match='of cross_entropy, miou, exp'):
    ledger_lib.Ledger(path, ('miou',))


def test_another_session_has_the_same_settings(path):
  ledger = ledger_lib.Ledger(path, OBJECTIVES)
  ledger.keep({'train.momentum': 0.9, 'network.aspp_rates': (2, 4)})
  again = reopened(ledger)
  again.keep({'train.momentum': 0.9, 'network.aspp_rates': (2, 4)})
  with pytest.raises(errors.UserError, match='train.momentum=0.9, now it is'):
    again.keep({'train.momentum': 0.8, 'network.aspp_rates': (2, 4)})


def test_the_export_has_what_was_trained_again_besides(path, tmp_path):
  ledger, finals = (
    ledger_lib.Ledger(x, OBJECTIVES) for x in (path, tmp_path / 'finals.db')
  )
  for each, number in ((ledger, 2), (finals, 1)):
    for i in range(number):
      each.append(proposal(i), i)
  ledger.export(tmp_path / 'all.json', finals)
  rows = json.loads((tmp_path / 'all.json').read_text())
  assert [(row['phase'], row['number']) for row in rows] == [
    ('search', 0),
    ('search', 1),
    ('final', 0),
  ]


def test_the_export_says_all_that_is_known(path, tmp_path):
  ledger = ledger_lib.Ledger(path, OBJECTIVES)
  target = tmp_path / 'candidates.json'
  ledger.export(target)
  assert json.loads(target.read_text()) == []
  ledger.append(proposal(0)._replace(is_random=True), seed=3)
  ledger.append(proposal(1, parent=0), seed=4)
  ledger.lose(0)
  about = {'device': 'a CPU', 'code': '1.0, commit 12'}
  ledger.finish(0, scores=SCORES, seconds=1.23456, about=about)
  ledger = reopened(ledger)
  ledger.export(target, front=[proposal(0).genotype])
  first, second = json.loads(target.read_text())
  assert genotype.Genotype.from_json(json.dumps(first.pop('genotype'))) == (
    proposal(0).genotype
  )
  assert first == {
    'phase': 'search',
    'number': 0,
    'digest': proposal(0).genotype.digest,
    'parent': None,
    'is_random': True,
    'fidelity': {'steps': 400, 'image_scale': 1 / 3, 'width': 0.7},
    'seed': 3,
    'lost': 1,
    'scores': SCORES,
    'seconds': 1.23,
    'failure': None,
    **about,
    'data': None,
    'is_on_front': True,  # of two objectives
  }
  assert second['is_on_front'] is False
  assert (second['parent'], second['scores'], second['lost']) == (0, None, 0)


def test_a_killed_writer_leaves_whole_records(path):
  """At random moments of many changes, some of them within a transaction."""
  code = f"""
from tests.search.trials import ledger_test
from deeplab_nas.search.trials import ledger as ledger_lib
import sys
ledger = ledger_lib.Ledger({str(path)!r}, ledger_test.OBJECTIVES)
print('ready', 'tensorflow' in sys.modules, flush=True)
for seed in range(len(ledger.trials), 10**6):
  number = ledger.append(ledger_test.proposal(seed), seed).number
  ledger.lose(number)
  ledger.finish(number, scores=ledger_test.SCORES, seconds=1.0)
"""
  rng = np.random.default_rng(0)
  seen = num_kills = 0
  while num_kills < 3 or seen < 4:  # on a busy machine a writer comes not far
    num_kills += 1
    assert num_kills < 30
    process = subprocess.Popen(
      [sys.executable, '-c', code], stdout=subprocess.PIPE, cwd=os.getcwd()
    )
    assert process.stdout.readline() == b'ready False\n'
    time.sleep(rng.uniform(0.05, 0.4))
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    ledger = ledger_lib.Ledger(path, OBJECTIVES)
    for trial in ledger.trials:
      assert trial.proposal == proposal(trial.number)
      assert trial.seed == trial.number
      assert trial.scores in (None, SCORES)
    assert len(ledger.trials) >= seen
    seen = len(ledger.trials)
    ledger.close()

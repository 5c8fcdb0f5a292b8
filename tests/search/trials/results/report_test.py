"""What is said of trials while they run, and at the end."""

import dataclasses
import shlex

import pytest

from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.contest import finalists
from deeplab_nas.search.trials import outcome, strategy
from deeplab_nas.search.trials.results import report
from tests.search.trials import studies

SHORT = strategy.Fidelity(40)
SCORED = strategy.Fidelity(40, evaluator=strategy.HYPERNETWORK)
STUDY = strategy.Study(studies.MIDDLE, (studies.FULL,))
TWO_LENGTHS = strategy.Study(studies.MIDDLE, (SHORT, studies.FULL))


def trial(number, loss, fidelity=studies.FULL, is_random=False):
  genotype = studies.genotypes(studies.MIDDLE, 1, seed=number)[0]
  if loss is None:
    made = studies.trial(number, genotype, fidelity=fidelity, failure='nan')
  else:
    made = studies.trial(number, genotype, loss, fidelity)
    scores = {'cross_entropy': loss, 'miou': 1 - loss, 'filter_multiplier': 7.5}
    made = made._replace(scores=scores)
  proposal = made.proposal._replace(is_random=is_random)
  return made._replace(proposal=proposal, seconds=61.0)


def trials(*losses):
  return [trial(number, loss) for number, loss in enumerate(losses)]


def test_a_line_says_result_best_and_what_is_left():
  history = trials(0.25, None, 0.5)
  assert report.line(STUDY, history, history[2], 20, 600) == (
    'Trial 2: cross-entropy 0.5, mIoU 50.0 %, 1 min 01 s; best so far trial 0:'
    ' cross-entropy 0.25, mIoU 75.0 %; 3 of 20 done; about 10 min 00 s left.'
  )
  assert report.line(STUDY, history[:1], history[0], None, None) == (
    'Trial 0: cross-entropy 0.25, mIoU 75.0 %, 1 min 01 s; the best so far;'
    ' 1 done.'
  )


def test_a_sum_of_losses_can_decide():
  study = dataclasses.replace(STUDY, objectives=('loss_sum',))
  history = [
    each._replace(scores={**each.scores, 'loss_sum': total})
    for each, total in zip(trials(0.25, 0.5), (500.0, 400.0))
  ]
  assert report.line(study, history, history[0], 20, 600).startswith(
    'Trial 0: sum of training losses 500, cross-entropy 0.25, mIoU 75.0 %,'
    ' 1 min 01 s; best so far trial 1: sum of training losses 400,'
  )


def test_a_line_says_why_a_trial_failed():
  history = trials(None)
  assert report.line(STUDY, history, history[0], None, None) == (
    'Trial 0: failed (nan), 1 min 01 s; 1 done.'
  )


def test_a_short_trial_is_never_the_best_beside_a_full_one():
  history = [trial(0, 0.5), trial(1, 0.25, SHORT)]
  assert report.line(TWO_LENGTHS, history, history[1], None, None) == (
    'Trial 1 (40 steps): cross-entropy 0.25, mIoU 75.0 %, 1 min 01 s; best so'
    ' far trial 0 (400 steps): cross-entropy 0.5, mIoU 50.0 %; 2 done.'
  )


def test_a_score_by_the_hypernetwork_is_no_trial_that_is_done(tmp_path):
  study = strategy.Study(studies.MIDDLE, (SCORED, studies.FULL))
  history = [trial(0, 0.5), *(trial(n, 0.25, SCORED) for n in (1, 2))]
  assert report.line(study, history, history[2], 20, None) == (
    'Trial 2 (hypernetwork): cross-entropy 0.25, mIoU 75.0 %, 1 min 01 s; best'
    ' so far trial 0 (400 steps): cross-entropy 0.5, mIoU 50.0 %; 2 scored;'
    ' 1 of 20 done.'
  )
  text = summary(tmp_path, history, 0, study)
  assert '1 trial and 2 scores by the hypernetwork in 1 h 01 min, 0 of' in text


def finals(history, found, random, found_losses=(), random_losses=()):
  """Trainings with fresh seeds of two trials' architectures."""
  again = [
    history[number]._replace(scores={'cross_entropy': loss, 'miou': 0.5})
    for number, losses in ((found, found_losses), (random, random_losses))
    for loss in losses
  ]
  chosen = history[found].genotype, history[random].genotype
  return finalists.Finals(*chosen, 4, again)


def summary(tmp_path, history, found, study=STUDY, **values):
  run = run_directory.RunDirectory(tmp_path / 'study')
  return report.summarize(
    run, study, history, 3700.0, history[found].genotype, **values
  )


def first_line(*args, **values):
  return summary(*args, **values).splitlines()[0]


def test_the_summary_is_of_what_the_strategy_found(tmp_path):
  """Which need not be the one of the least loss, where losses are noisy."""
  history = trials(0.5, 0.25, None, 0.75)
  text = summary(tmp_path, history, 0, remarks=['Mark this.'])
  assert f'{history[0].genotype.digest} (trial 0):' in text
  first, *_ = text.split('\n\n')
  assert 'Found, trial 0: cross-entropy 0.5, mIoU 50.0 %.' in first
  assert first.endswith('\nMark this.')
  assert '4 trials in 1 h 01 min, 1 of them failed.' in text


def test_what_was_found_stands_beside_the_random_ones(tmp_path):
  history = [
    trial(0, 0.5, is_random=True),
    trial(1, 0.4),
    trial(2, 0.9, is_random=True),
    trial(3, 0.1, SHORT, is_random=True),
    trial(4, 0.6, is_random=True),
  ]
  text = summary(tmp_path, history, 1, TWO_LENGTHS)
  assert (
    '3 random ones, with as many steps: cross-entropy 0.5 to 0.9 (median 0.6),'
    ' mIoU 10.0 % to 50.0 % (median 40.0 %).\n'
  ) in text
  one = summary(tmp_path, history[:2], 1, TWO_LENGTHS)
  assert (
    'A random one, with as many steps: cross-entropy 0.5, mIoU 50.0 %.' in one
  )


def constant(tmp_path, number, miou):
  folder = tmp_path / 'study' / 'trials' / f'{number:04d}'
  folder.mkdir(parents=True)
  best = {'name': 'sky', 'miou': miou, 'cross_entropy': 1.25}
  outcome.Outcome('key', constant=best).save(folder / 'outcome.json')


def test_the_constant_prediction_stands_beside_it(tmp_path):
  constant(tmp_path, 1, 0.125)
  text = summary(tmp_path, trials(0.5, 0.4, 0.6), 1)
  assert (
    'For comparison, sky everywhere: mIoU 12.5 %; the frequencies of the'
    ' classes for every pixel: cross-entropy 1.25.\n'
  ) in text


def test_the_first_line_says_what_was_decided(tmp_path):
  history = trials(0.5, 0.4, 0.6)
  for found, random, start in (
    ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6], 'What was found is better than the'),
    ([0.4, 0.5, 0.6], [0.1, 0.2, 0.3], 'What was found is worse than the'),
  ):
    final = finals(history, 1, 0, found, random)
    text = summary(tmp_path, history, 1, finals=final)
    assert text.startswith(start)
    assert 'Trained again with fresh seeds (mean' in text
  same = finals(history, 1, 1)
  assert first_line(tmp_path, history, 1, finals=same) == (
    'What was found is the best of 4 random ones.'
  )


@pytest.mark.parametrize(
  'losses, finals_losses, reason',
  [
    ((0.5, 0.4), ((0.1,), (0.2,)), 'only 2 trials ran in full: allow'),
    (
      (0.5, 0.4, 0.6),
      ((0.1, 0.5, 0.3), (0.4, 0.2, 0.6)),
      'what was found and the best of 4 random ones cannot be told apart (p =',
    ),
    (
      (0.5, 0.4, 0.6),
      ((), ()),
      'whether what was found is better than the best of 4 random ones was not',
    ),
    ((0.5, 0.4, 0.6), None, 'nothing was trained again with fresh seeds (sea'),
    ((0.95, 0.9, 0.96), None, 'what it found has no better mIoU than a const'),
  ],
)
def test_the_first_line_says_that_it_could_not_decide_and_why(
  tmp_path, losses, finals_losses, reason
):
  history = trials(*losses)
  constant(tmp_path, 1, 0.125)
  final = finals_losses and finals(history, 1, 0, *finals_losses)
  text = first_line(tmp_path, history, 1, finals=final)
  assert text.startswith(f'{report.UNDECIDED}: {reason}')


def test_the_next_commands_are_of_this_study(tmp_path):
  lines = summary(tmp_path, trials(0.5, 0.4, 0.6), 1).splitlines()
  (train,) = (line for line in lines if '--mode=train' in line)
  words = shlex.split(train)
  run = tmp_path / 'study'
  assert words[1] == 'scripts/train.py'
  assert f'--genotype={run}/genotype.json' in words
  assert '--set=network.filter_multiplier=7.5' in words
  (pick,) = (line for line in lines if 'pick.py' in line)
  assert pick.endswith(f'--run_dir={run}')
  assert lines[-1].endswith(f'-m tensorboard.main --logdir {run}/tensorboard')

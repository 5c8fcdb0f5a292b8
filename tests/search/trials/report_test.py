"""What is said of trials while they run, and at the end."""

from deeplab_nas.config import config as config_lib
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.trials import report, strategy
from tests.search.trials import studies

STUDY = strategy.Study(studies.MIDDLE, (studies.FULL,))


def trials(*losses):
  made = []
  for number, loss in enumerate(losses):
    genotype = studies.genotypes(studies.MIDDLE, 1, seed=number)[0]
    values = {'failure': 'nan'} if loss is None else {}
    trial = studies.trial(number, genotype, loss, **values)
    if loss is not None:
      trial = trial._replace(scores={'cross_entropy': loss, 'miou': 1 - loss})
    made.append(trial._replace(seconds=61.0))
  return made


def test_a_line_says_result_best_and_what_is_left():
  history = trials(0.25, None, 0.5)
  assert report.line(STUDY, history, history[2], 20, 600) == (
    'Trial 2: cross-entropy 0.5, mIoU 0.5, 1 min 01 s; best so far trial 0:'
    ' cross-entropy 0.25, mIoU 0.75; 3 of 20 done; about 10 min 00 s left.'
  )


def test_a_line_says_why_a_trial_failed():
  history = trials(None)
  assert report.line(STUDY, history, history[0], None, None) == (
    'Trial 0: failed (nan), 1 min 01 s; 1 done.'
  )


def summary(tmp_path, *losses, found=None, remarks=()):
  run = run_directory.RunDirectory(tmp_path / 'study')
  history = trials(*losses)
  scored = [trial for trial in history if trial.scores is not None]
  best = min(scored, key=STUDY.loss) if found is None else history[found]
  return report.summarize(
    run,
    config_lib.Config(),
    STUDY,
    history,
    3700.0,
    best.genotype,
    remarks,
  )


def test_the_summary_is_of_what_the_strategy_found(tmp_path):
  """Which need not be the one of the least loss, where losses are noisy."""
  text = summary(tmp_path, 0.5, 0.25, 0.75, found=0, remarks=['Mark this.'])
  assert text.startswith('The best of 3 trials has cross-entropy 0.5, ')
  assert f'{trials(0.5)[0].genotype.digest} (trial 0):' in text
  assert '\nMark this.\n' in text


def test_the_summary_begins_with_how_the_best_compares(tmp_path):
  text = summary(tmp_path, 0.5, 0.25, None, 0.75)
  assert text.startswith(
    'The best of 3 trials has cross-entropy 0.25, mIoU 0.75; their median'
    ' cross-entropy is 0.500, their standard deviation 0.250.\n'
  )
  assert '4 trials in 1 h 01 min, 1 of them failed.' in text
  assert f'--genotype={tmp_path / "study" / "genotype.json"}' in text


def test_the_summary_says_first_that_it_could_not_decide(tmp_path):
  text = summary(tmp_path, 0.5, 0.25)
  assert text.startswith('Too few trials to choose from (2)')

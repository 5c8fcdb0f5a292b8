"""What TensorBoard reads of a study."""

import subprocess
import sys

import pytest
from tensorboard.backend.event_processing import event_accumulator

from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.trials import outcome, strategy
from deeplab_nas.search.trials.results import curves
from tests.search.trials import studies

SHORT, FULL = strategy.Fidelity(2), strategy.Fidelity(4)
STUDY = strategy.Study(studies.MIDDLE, (SHORT, FULL))


def trial(number, fidelity, loss):
  genotype = studies.genotypes(studies.MIDDLE, 1, seed=number)[0]
  if loss is None:
    return studies.trial(number, genotype, fidelity=fidelity, failure='nan')
  made = studies.trial(number, genotype, loss, fidelity)
  return made._replace(
    scores={'cross_entropy': loss, 'miou': 1 - loss}, seconds=3.0
  )


TRIALS = (
  trial(0, SHORT, 0.25),
  trial(1, FULL, 0.75),
  trial(2, FULL, None),
  trial(3, FULL, 0.5),
)


def scalars(folder):
  """{tag: [(step, value), ...]} as TensorBoard reads a run."""
  accumulator = event_accumulator.EventAccumulator(str(folder)).Reload()
  return {
    tag: [(event.step, event.value) for event in accumulator.Scalars(tag)]
    for tag in accumulator.Tags()['scalars']
  }


@pytest.fixture
def run(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  for each in TRIALS:
    (run.trials / f'{each.number:04d}').mkdir(parents=True)
    outcome.Outcome(
      'key', losses=(2.0, float('nan'), 1.0)[: each.fidelity.steps]
    ).save(run.trials / f'{each.number:04d}' / 'outcome.json')
  return run


POINTS = {
  'trials of 2 steps/cross_entropy': [(0, 0.25)],
  'trials of 2 steps/miou': [(0, 0.75)],
  'trials of 4 steps/cross_entropy': [(1, 0.75), (3, 0.5)],
  'trials of 4 steps/miou': [(1, 0.25), (3, 0.5)],
  'best so far/cross_entropy': [(0, 0.25), (1, 0.75), (3, 0.5)],
  'best so far/miou': [(0, 0.75), (1, 0.25), (3, 0.5)],
  'seconds of a trial': [(0, 3.0), (1, 3.0), (3, 3.0)],
}


def test_each_trial_is_a_point_and_a_curve(run):
  written = curves.Curves(run, STUDY)
  for each in TRIALS:
    written.add(each)
  assert scalars(run.tensorboard) == POINTS  # while the study runs
  assert scalars(run.tensorboard / '0001') == {
    'train/loss': [(1, 2.0), (3, 1.0)],
    'val/cross_entropy': [(3, 0.75)],
    'val/miou': [(3, 0.25)],
  }
  assert not (run.tensorboard / '0002').exists()


def test_a_study_that_goes_on_has_each_point_once(run):
  curves.Curves(run, STUDY, TRIALS[:1])
  written = curves.Curves(run, STUDY, TRIALS[:2])
  written.add(TRIALS[3])
  assert scalars(run.tensorboard) == POINTS
  assert scalars(run.tensorboard / '0000')['train/loss'] == [(1, 2.0)]


def test_of_several_objectives_the_hypervolume_has_a_curve(tmp_path):
  run = run_directory.RunDirectory(tmp_path)
  names = ('cross_entropy', 'params')
  study = strategy.Study(studies.MIDDLE, (FULL,), names)
  trials = [trial(number, FULL, 0.5) for number in range(6)]
  trials = [
    t._replace(scores={**t.scores, 'params': 4.0 - 3 * (t.number == 5)})
    for t in trials
  ]
  written = curves.Curves(run, study, trials[:5])
  written.add(trials[5])
  assert scalars(run.tensorboard)['hypervolume of the front'] == [
    (4, 0.0),
    (5, 0.0),
  ]
  written.add(
    trial(6, FULL, 0.25)._replace(
      scores={'cross_entropy': 0.25, 'miou': 0.5, 'params': 3.0}
    )
  )
  assert scalars(run.tensorboard)['hypervolume of the front'][-1] == (6, 0.125)


def test_tensorflow_is_not_needed():
  program = (
    'import sys\n'
    'sys.modules["tensorflow"] = None\n'
    'from deeplab_nas.search.trials.results import curves\n'
  )
  subprocess.run([sys.executable, '-c', program], check=True)

"""Weights that later trials may begin with are kept, and no others."""

from deeplab_nas.search.trials import outcome
from tests.search.trials import driver_test


class WithWeights(driver_test.AtOnce):
  """Trials that want their parent's weights, and leave their own."""

  def submit(self, job):
    assert job.keeps_weights
    assert job.parent is None or job.parent_weights.exists()
    super().submit(job)
    self.num_inherited = getattr(self, 'num_inherited', 0) + bool(job.parent)

  def wait(self, seconds):
    for job in self._jobs:
      job.folder.mkdir(parents=True, exist_ok=True)
      job.weights.touch()
    return super().wait(seconds)


def test_only_weights_that_a_proposal_may_want_are_kept(tmp_path):
  """Those of the front and of the last trials, killed or not."""
  executor = WithWeights(driver_test.rng(0))
  plain = driver_test.run(tmp_path / 'plain', executor, 40, 'lemonade')
  assert executor.num_inherited > 20
  for seed in range(100):
    try:
      execution = WithWeights(
        driver_test.rng(seed),
        kill_after=int(driver_test.rng(seed).integers(2, 9)),
      )
      found = driver_test.run(tmp_path / 'killed', execution, 40, 'lemonade')
      break
    except driver_test.Killed:
      continue
  assert seed > 3 and found == plain
  best = min(plain[: 40 - 3], key=driver_test.STUDY.loss)
  kept = {best.number, 37, 38, 39}
  for name in ('plain', 'killed'):
    files = (tmp_path / name).glob('trials/*/weights.npz')
    assert {int(path.parent.name) for path in files} == kept


class SlowFirst(WithWeights):
  """The first trial is the best, and noted after all that ran beside it."""

  has_written = False

  def wait(self, seconds):
    first = self._jobs[0]
    if first.number:
      return super().wait(seconds)
    if not self.has_written:
      first.folder.mkdir(parents=True, exist_ok=True)
      first.weights.touch()
      self.has_written = True
    if len(self._jobs) > 1:
      self._jobs.pop(0)
      try:
        return super().wait(seconds)
      finally:
        self._jobs.insert(0, first)
    [ended] = driver_test.AtOnce.wait(self, seconds)
    best = outcome.Outcome(first.key, {'cross_entropy': -1.0}, seconds=1.0)
    best.save(first.outcome)
    return [ended]


def test_the_weights_of_a_slow_trial_are_there_when_it_ends(tmp_path):
  executor = SlowFirst(driver_test.rng(0))
  trials = driver_test.run(tmp_path, executor, 12, 'lemonade')
  assert len(trials) == 12


def test_other_strategies_keep_none(tmp_path):
  class Bare(driver_test.AtOnce):
    def submit(self, job):
      assert not job.keeps_weights and job.parent is None
      super().submit(job)

  driver_test.run(tmp_path, Bare(driver_test.rng(0)), 12)

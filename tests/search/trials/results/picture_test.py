"""The picture of a study shows trials that have scores."""

import numpy as np
from PIL import Image

from deeplab_nas.search.trials import strategy
from deeplab_nas.search.trials.results import picture
from tests.search.trials import studies

STUDY = strategy.Study(studies.MIDDLE, (studies.FULL,))


def scored(number, loss, macs):
  genotype = studies.genotypes(studies.MIDDLE, 1, seed=number)[0]
  made = studies.trial(number, genotype, loss)
  return made._replace(scores={**made.scores, 'macs': macs})


def test_it_is_a_picture(tmp_path):
  trials = [scored(0, 0.5, 1e6), scored(1, 0.4, 2e6), scored(2, 0.6, 3e6)]
  failed = studies.trial(3, trials[0].genotype, failure='nan')
  found = trials[1].genotype
  picture.save(STUDY, [*trials, failed], tmp_path / 'trials.png', found, 0.9)
  with Image.open(tmp_path / 'trials.png') as image:
    assert image.format == 'PNG'
    assert min(image.size) > 300
    # The front and what was found are red, the trials blue.
    reds, blues = _red_and_blue(image)
  assert reds > 500 and blues > 100


def _red_and_blue(image):
  """Pixels of the two colours."""
  r, g, b = np.moveaxis(np.asarray(image.convert('RGB'), int), -1, 0)
  reds = (r > 180) & (g < 80) & (b < 80)
  blues = (r < 80) & (b > 150)
  return reds.sum(), blues.sum()


def test_random_ones_are_grey_and_shorter_trials_paler(tmp_path):
  short = strategy.Fidelity(40)
  study = strategy.Study(studies.MIDDLE, (short, studies.FULL))
  trial = scored(0, 0.5, 1e6)
  drawn = trial._replace(proposal=trial.proposal._replace(is_random=True))
  pale = trial._replace(proposal=trial.proposal._replace(fidelity=short))
  blues = {}
  for name, each in {'full': trial, 'drawn': drawn, 'pale': pale}.items():
    picture.save(study, [each], tmp_path / name)
    with Image.open(tmp_path / name) as image:
      blues[name] = _red_and_blue(image)[1]
  assert blues['full'] > 50
  assert blues['drawn'] == 0 and blues['pale'] < blues['full'] / 2


def test_of_nothing_there_is_no_picture(tmp_path):
  picture.save(STUDY, [], tmp_path / 'trials.png')
  assert not list(tmp_path.iterdir())


def test_each_further_objective_has_a_panel(tmp_path):
  names = ('cross_entropy', 'params', 'activation_mb')
  sizes = []
  for count in (2, 3):
    study = strategy.Study(studies.MIDDLE, (studies.FULL,), names[:count])
    trials = [scored(0, 0.5, 1e6), scored(1, 0.4, 2e6)]
    trials = [
      t._replace(scores={**t.scores, 'params': 9.0 - n, 'activation_mb': n})
      for n, t in enumerate(trials)
    ]
    picture.save(study, trials, tmp_path / 'trials.png')
    with Image.open(tmp_path / 'trials.png') as image:
      sizes.append(image.size[0])
      # The first has fewer megabytes, and is on the front of all three alone.
      reds = _red_and_blue(image)[0]
    assert reds > 100
  assert sizes[1] > 1.4 * sizes[0]

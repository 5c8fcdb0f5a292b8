"""The picture of a study shows trials that have scores."""

from PIL import Image

from deeplab_nas.search.trials import picture, strategy
from tests.search.trials import studies

STUDY = strategy.Study(studies.MIDDLE, (studies.FULL,))


def scored(number, loss, macs):
  genotype = studies.genotypes(studies.MIDDLE, 1, seed=number)[0]
  made = studies.trial(number, genotype, loss)
  return made._replace(scores={**made.scores, 'macs': macs})


def test_it_is_a_picture(tmp_path):
  trials = [scored(0, 0.5, 1e6), scored(1, 0.4, 2e6), scored(2, 0.6, 3e6)]
  failed = studies.trial(3, trials[0].genotype, failure='nan')
  picture.save(STUDY, [*trials, failed], tmp_path / 'trials.png')
  with Image.open(tmp_path / 'trials.png') as image:
    assert image.format == 'PNG'
    assert min(image.size) > 300
    # The front is red.
    assert any(
      r > 180 and g < 80 and b < 80
      for _, (r, g, b) in image.convert('RGB').getcolors(2**24)
    )


def test_of_nothing_there_is_no_picture(tmp_path):
  picture.save(STUDY, [], tmp_path / 'trials.png')
  assert not list(tmp_path.iterdir())

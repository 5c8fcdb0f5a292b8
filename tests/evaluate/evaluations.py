"""Evaluations as `--mode=eval` leaves them, without a network."""

import json

import numpy as np

from deeplab_nas.config import config as config_lib
from deeplab_nas.evaluate import image_counts, scores

NAMES = ('road', 'tree', 'car')
LABELLED = np.random.default_rng(0).integers(100, 900, [12, 3])


def write(
  run, skill, name='val', seconds=None, images=None, repeats=1, **settings
):
  """A run's folder with an evaluation of a network that is right so often."""
  generator = np.random.default_rng(1)
  shares = np.clip(skill + generator.normal(0, 0.05, LABELLED.shape), 0, 1)
  hits = (LABELLED * shares).astype(int)
  predicted = hits + np.roll(LABELLED - hits, 1, 1)
  counts = np.stack([hits, LABELLED, predicted], 1).repeat(repeats, 0)
  images = images or [f'image{i}.png' for i in range(len(LABELLED))]
  of_images = image_counts.ImageCounts(
    tuple(images), np.stack([counts, counts], 1)[: len(images)]
  )
  sums = of_images.counts[:, 0].sum(0)
  confusion = np.diag(sums[0])
  for c in range(3):
    confusion[c, (c + 1) % 3] = sums[1, c] - sums[0, c]
  result = scores.Scores(NAMES, confusion, len(images), 0, of_images)
  folder = run / 'eval' / name
  folder.mkdir(parents=True)
  record = {
    'split': 'val',
    'genotype': 'abc',
    'costs': {'parameters': round(1e6 * skill), 'multiply_adds': 2_000_000},
    **result.to_dict(),
  }
  (folder / 'results.json').write_text(json.dumps(record))
  (folder / 'images.npz').write_bytes(of_images.to_bytes())
  config = config_lib.Config.from_dict(settings)
  (run / 'config.yaml').write_text(config.to_yaml())
  starts = [{'seconds': x} for x in seconds or [None]]
  provenance = {'mode': 'train', 'starts': starts}
  (run / 'run.json').write_text(json.dumps(provenance))
  return run

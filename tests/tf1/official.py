"""What the official TensorFlow 1 code computed once, small enough to keep.

`hnasnet_f4.npz` beside this file comes from a run of the published network
(`nas_hnasnet`, 19 classes, atrous rates 12, 24 and 36, full convolutions in the
head) at F = 4 in https://github.com/tensorflow/models/tree/master/research/deeplab,
with random variables and an image of noise. It holds

  names, shapes   of all 1370 variables, in the order in which they were drawn
  image           uint8 [1, 97, 129, 3]
  out/NAME        float32 [1, h, w, C], an end point of the official code; of
                  those with more than 63 pixels every third row and column

The values of the variables, 8 MB, are not in it: `variables` draws them again.
NumPy keeps the stream of RandomState for good. Who has the complete file of
that run makes it anew, and sees whether every variable and output is in place:

  python -m tests.tf1.official ../shared/fixtures/hnasnet_f4.npz
"""

from __future__ import annotations

import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parents[2]
# All of that run, variables included; not part of the repository.
COMPLETE = ROOT.parent / 'shared' / 'fixtures' / 'hnasnet_f4.npz'
SMALL = pathlib.Path(__file__).with_name('hnasnet_f4.npz')
WIDTH, RATES = 4, (12, 24, 36)
_SEED = 1
_WHOLE_PIXELS = 63


def variables() -> dict[str, np.ndarray]:
  """float32 by TF1 name, bit for bit those that the official code was given."""
  with np.load(SMALL) as file:
    names, shapes = file['names'], file['shapes']
  random = np.random.RandomState(_SEED)
  return {
    str(name): _draw(random, str(name), tuple(n for n in shape if n))
    for name, shape in zip(names, shapes)
  }


def _draw(random, name, shape):
  last = name.rsplit('/', 1)[-1]
  if last in ('gamma', 'moving_variance'):
    value = random.uniform(0.5, 1.5, shape)
  elif last in ('beta', 'moving_mean', 'biases'):
    value = random.normal(0, 0.2 if last == 'moving_mean' else 0.1, shape)
  else:
    inputs = shape[:2] if last == 'depthwise_weights' else shape[:3]
    value = random.normal(0, 1 / np.sqrt(np.prod(inputs)), shape)
  return value.astype(np.float32)


def image() -> np.ndarray:
  """float32 [1, 97, 129, 3] in [0, 255]."""
  with np.load(SMALL) as file:
    return file['image'].astype(np.float32)


def outputs() -> dict[str, np.ndarray]:
  """The official end points by name, as `sample` leaves them."""
  with np.load(SMALL) as file:
    return {
      name[len('out/') :]: file[name]
      for name in file.files
      if name.startswith('out/')
    }


def sample(output: np.ndarray) -> np.ndarray:
  """What is kept of an end point, [1, h, w, C]."""
  _, height, width, _ = output.shape
  return output if height * width <= _WHOLE_PIXELS else output[:, ::3, ::3]


def main(path: str) -> None:
  """Writes the small file from the complete one."""
  with np.load(path) as file:
    complete = dict(file)
  drawn = {k[4:]: v for k, v in complete.items() if k.startswith('var/')}
  shapes = np.zeros([len(drawn), 4], np.int32)
  for row, value in zip(shapes, drawn.values()):
    row[: value.ndim] = value.shape
  np.savez_compressed(
    SMALL,
    names=np.array(list(drawn)),
    shapes=shapes,
    image=complete['image'].astype(np.uint8),
    **{k: sample(v) for k, v in complete.items() if k.startswith('out/')},
  )
  for name, value in variables().items():
    np.testing.assert_array_equal(value, drawn[name], name)
  np.testing.assert_array_equal(image(), complete['image'])
  print(f'{SMALL}: {SMALL.stat().st_size >> 10} KiB')


if __name__ == '__main__':
  main(sys.argv[1])

"""A network small enough for tests, and files of every kind to feed it."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from deeplab_nas.data import dataset_info
from deeplab_nas.space import genotype as genotype_lib

CLASSES = ('road', 'sky', 'car')
INFO = dataset_info.DatasetInfo(
  'tiny', CLASSES, ((128, 64, 128), (70, 130, 180), (0, 0, 142))
)
GENOTYPE = genotype_lib.Genotype(
  path=(0, 1),
  cell=(
    (('prev', 'sep_conv_3x3'), ('prev_prev', 'skip_connect')),
    (('block_0', 'atrous_conv_3x3'), ('prev', 'max_pool_3x3')),
  ),
)


def network(seed=0):
  """Untrained, but with statistics of batch norm that folding has to heed."""
  from deeplab_nas.nn.network import network as network_lib

  built = network_lib.build_network(
    GENOTYPE, filter_multiplier=1, num_classes=3, aspp_rates=(1, 2)
  )
  rng = np.random.default_rng(seed)
  for variable in built.variables:
    if 'moving_variance' in variable.name:
      variable.assign(rng.uniform(0.5, 2, variable.shape))
    elif any(x in variable.name for x in ('gamma', 'beta', 'moving_mean')):
      variable.assign(rng.normal(0.5, 0.5, variable.shape))
  # Stands in for training: decisive, and with every class somewhere.
  kernel, bias = built.logits.weights
  kernel.assign(rng.normal(0, 1, kernel.shape))
  logits = built(photo()[np.newaxis].astype(np.float32))
  bias.assign(-np.median(logits, axis=(0, 1, 2)))
  return built


def export(network, base_dir, images=None, config_yaml=None, **options):
  from deeplab_nas.serving import export as export_lib

  options = export_lib.ExportOptions(**{'warmup_size': (33, 49), **options})
  return export_lib.export(
    network, INFO, base_dir, options, config_yaml, images
  )


def assert_most_probable(classes, probabilities):
  """Asserts that classes [...] are the best of float [..., C].

  Graph, eager and folded networks differ in the last bits, which decides
  where two classes are equally probable.
  """
  classes, probabilities = np.asarray(classes), np.asarray(probabilities)
  assert classes.dtype == np.uint8 and classes.shape == probabilities.shape[:-1]
  chosen = np.take_along_axis(probabilities, classes[..., None], -1)[..., 0]
  np.testing.assert_allclose(chosen, probabilities.max(-1), atol=1e-4)
  assert (classes == probabilities.argmax(-1)).mean() > 0.999


def photo(height=45, width=67, seed=0):
  """uint8 [height, width, 3] of smooth colours and some noise."""
  rng = np.random.default_rng(seed)
  waves = rng.uniform(0.02, 0.2, [2, 3])
  y, x = np.mgrid[:height, :width, :1][:2]
  clean = 127 + 90 * np.sin(y * waves[0]) * np.cos(x * waves[1])
  noisy = clean + rng.normal(0, 12, clean.shape)
  return noisy.clip(0, 255).astype(np.uint8)


def encoded(image, image_format='PNG', **options):
  """Contents of a file that holds a uint8 array or a Pillow image."""
  if isinstance(image, np.ndarray):
    image = Image.fromarray(image)
  stream = io.BytesIO()
  image.save(stream, image_format, **options)
  return stream.getvalue()


def odd_files():
  """Files that have a mask, by what is odd about them."""
  image = Image.fromarray(photo())
  deep = np.linspace(0, 65535, 45 * 67).reshape(45, 67).astype(np.uint16)
  return {
    'one pixel': encoded(photo(1, 1)),
    'narrow': encoded(photo(3000, 17), 'JPEG'),
    'one row': encoded(photo(1, 90)),
    'grey jpeg': encoded(image.convert('L'), 'JPEG'),
    'grey png': encoded(image.convert('L')),
    'rgba': encoded(image.convert('RGBA')),
    'grey with alpha': encoded(image.convert('LA')),
    'sixteen bits': encoded(deep),
    'palette': encoded(image.quantize(8)),
    'black and white': encoded(image.convert('1')),
    'progressive jpeg': encoded(image, 'JPEG', progressive=True),
    'cmyk jpeg': encoded(image.convert('CMYK'), 'JPEG'),
    'still gif': encoded(image, 'GIF'),
  }


def broken_files():
  """Files that have no mask, with a part of what TensorFlow says."""
  jpeg, png = encoded(photo(), 'JPEG'), encoded(photo())
  image = Image.fromarray(photo())
  frames = [Image.fromarray(255 - photo())]
  return {
    'empty': (b'', 'Input is empty'),
    'text': (b'not an image, but some text', 'Unknown image file format'),
    'truncated jpeg': (jpeg[: len(jpeg) // 2], 'Invalid JPEG data'),
    'jpeg without end': (jpeg[:-2], 'Invalid JPEG data'),
    'jpeg header': (jpeg[:10], 'Invalid JPEG data'),
    'truncated png': (png[: len(png) // 2], 'Invalid PNG data'),
    'png without end': (png[:-12], 'Invalid PNG data'),
    'bmp': (encoded(image, 'BMP'), 'BMP'),
    'webp': (encoded(image, 'WEBP'), 'Unknown image file format'),
    'animation': (
      encoded(image, 'GIF', save_all=True, append_images=frames),
      'Got 2 frames',
    ),
  }

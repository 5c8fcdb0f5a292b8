"""Hierarchical neural architecture search for semantic segmentation.

    import deeplab_nas

    model = deeplab_nas.build_network('auto_deeplab')   # Auto-DeepLab-S
    logits = model(images)     # [B, H, W, 19] from [B, H, W, 3] in [0, 255]

    deeplab_nas.search('camvid_small', 'runs/search', data_dir='records')
    deeplab_nas.load('runs/train').predict('photo.jpg')   # uint8 [H, W]

Reference:
  Liu et al., Auto-DeepLab: Hierarchical Neural Architecture Search for
  Semantic Image Segmentation, CVPR 2019, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

import importlib
from typing import Any

from deeplab_nas.runtime import legacy_keras, onednn

__version__ = '0.1.0'
# Where each name is, so that it is imported when it is asked for: what needs no
# TensorFlow does not wait for it.
_HOMES = {
  'Config': 'config.config',
  'CostModel': 'space',
  'DatasetInfo': 'data.dataset_info',
  'Genotype': 'space',
  'SearchSpace': 'space',
  'UserError': 'errors',
  'build_network': 'nn.network.network',
  'convert': 'api',
  'export': 'api',
  'load': 'api',
}
# Packages; all but the first can be called.
_ROOMS = ('space', 'evaluate', 'search', 'train')
__all__ = sorted((*_HOMES, *_ROOMS))

legacy_keras.choose()
onednn.ask_for()


def __getattr__(name: str) -> Any:
  if name in _HOMES:
    home = importlib.import_module(f'{__name__}.{_HOMES[name]}')
    return getattr(home, name)
  if name in _ROOMS:
    return importlib.import_module(f'{__name__}.{name}')
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')


def __dir__() -> list[str]:
  return sorted({*globals(), *__all__})

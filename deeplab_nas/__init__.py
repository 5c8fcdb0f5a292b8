"""Hierarchical neural architecture search for semantic segmentation.

    import deeplab_nas

    model = deeplab_nas.build_network('auto_deeplab')   # Auto-DeepLab-S
    logits = model(images)     # [B, H, W, 19] from [B, H, W, 3] in [0, 255]

Reference:
  Liu et al., Auto-DeepLab: Hierarchical Neural Architecture Search for
  Semantic Image Segmentation, CVPR 2019, https://arxiv.org/abs/1901.02985
"""

from __future__ import annotations

from typing import Any

from deeplab_nas.runtime import legacy_keras, onednn

__version__ = '0.1.0'
__all__ = ['build_network']

legacy_keras.choose()
onednn.ask_for()


def __getattr__(name: str) -> Any:
  # Late, so that what needs no TensorFlow does not wait for it.
  if name == 'build_network':
    from deeplab_nas.nn.network import network

    return network.build_network
  raise AttributeError(f'module {__name__!r} has no attribute {name!r}')

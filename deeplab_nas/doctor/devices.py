"""What TensorFlow computes on, and why on no GPU."""

from __future__ import annotations

import os
import pathlib
import shutil
from collections.abc import Mapping
from typing import Any

from deeplab_nas.doctor import finding
from deeplab_nas.doctor.finding import Finding
from deeplab_nas.runtime import onednn

DRIVER = pathlib.Path('/proc/driver/nvidia')


def devices() -> Finding:
  """The devices that TensorFlow sees; to have no GPU is no failure."""
  import tensorflow as tf

  from deeplab_nas.data import scan

  cores = f'{scan.num_cores()} CPU cores'
  gpus = tf.config.list_physical_devices('GPU')
  if not gpus:
    return without_gpu(
      cores,
      has_driver(),
      tf.sysconfig.get_build_info(),
      os.environ.get('CUDA_VISIBLE_DEVICES'),
      tf.__version__,
    )
  names = [
    tf.config.experimental.get_device_details(gpu).get('device_name', gpu.name)
    for gpu in gpus
  ]
  return Finding(finding.OK, f'{cores}; GPU: {", ".join(names)}')


def has_driver() -> bool:
  """Whether NVIDIA's driver is there."""
  return DRIVER.exists() or shutil.which('nvidia-smi') is not None


def without_gpu(
  cores: str,
  has_driver: bool,
  build: Mapping[str, Any],
  visible: str | None,
  version: str,
) -> Finding:
  """Why TensorFlow sees no GPU.

  Args:
    cores: What it sees, as text.
    has_driver: Whether NVIDIA's driver is there.
    build: `tf.sysconfig.get_build_info()`.
    visible: CUDA_VISIBLE_DEVICES, None if it is not set.
    version: TensorFlow's.
  """
  text = f'{cores}; no GPU'
  if not has_driver:
    return Finding(finding.OK, f'{text}, since there is no NVIDIA driver')
  if not build.get('is_cuda_build'):
    return Finding(
      finding.WARN,
      f'{text}: a driver is there, but this TensorFlow is built without CUDA',
      f"Run: pip install 'tensorflow[and-cuda]=={version}'",
    )
  if visible is not None and visible.strip() in ('', '-1'):
    return Finding(
      finding.WARN,
      f'{text}: CUDA_VISIBLE_DEVICES={visible!r} hides all of them',
      'To use them: unset CUDA_VISIBLE_DEVICES',
    )
  return Finding(
    finding.WARN,
    f'{text}: a driver is there, but not CUDA {build.get("cuda_version")} and'
    f' cuDNN {build.get("cudnn_version")}, or not the GPU',
    f'See what nvidia-smi prints; if it lists the GPU, run: pip install'
    f" 'tensorflow[and-cuda]=={version}'",
  )


def convolutions() -> Finding:
  """Whether TensorFlow has the gradients that a search needs here."""
  import tensorflow as tf

  from deeplab_nas.nn.kernels import conv_gradients
  from deeplab_nas.nn.supernet import fused_node

  if not conv_gradients.exist(rate=2):
    return Finding(
      finding.FAIL,
      'TensorFlow has no gradients of atrous convolutions here',
      f'On an x86 processor {onednn.REMEDY}; otherwise search with'
      ' --set=space.primitives=darts, which has no full ones.',
    )
  if not fused_node.is_supported():
    return Finding(
      finding.WARN,
      'TensorFlow has no gradients of grouped ones here, so searches take the'
      ' slow path',
      f'On an x86 processor {onednn.REMEDY}; otherwise expect longer runs.',
    )
  text = 'atrous and grouped ones have gradients in float32'
  if not fused_node.is_supported(tf.bfloat16):
    return Finding(
      finding.OK, f'{text}, not in bfloat16: keep search.precision=float32'
    )
  return Finding(finding.OK, f'{text} and bfloat16')

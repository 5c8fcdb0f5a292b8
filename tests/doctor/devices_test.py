"""Devices, and the reasons for having no GPU."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import tensorflow as tf

from deeplab_nas.doctor import devices, finding
from deeplab_nas.nn.kernels import conv_gradients
from deeplab_nas.nn.supernet import fused_node

CUDA = {'is_cuda_build': True, 'cuda_version': '12.2', 'cudnn_version': '8'}


def without_gpu(has_driver=True, build=CUDA, visible=None):
  return devices.without_gpu('2 CPU cores', has_driver, build, visible, '2.15')


@pytest.mark.parametrize(
  'facts, status, words, remedy',
  [
    ({'has_driver': False}, finding.OK, 'no NVIDIA driver', ''),
    ({'build': {}}, finding.WARN, 'built without CUDA', 'and-cuda]==2.15'),
    ({'visible': ''}, finding.WARN, "DEVICES='' hides", 'unset CUDA_VISIBLE'),
    ({'visible': '-1'}, finding.WARN, 'hides all', 'unset CUDA_VISIBLE'),
    ({'visible': '0'}, finding.WARN, 'CUDA 12.2 and cuDNN 8', 'nvidia-smi'),
    ({}, finding.WARN, 'CUDA 12.2 and cuDNN 8', 'nvidia-smi'),
  ],
)
def test_why_there_is_no_gpu(facts, status, words, remedy):
  found = without_gpu(**facts)
  assert found.status == status
  assert found.text.startswith('2 CPU cores; no GPU')
  assert words in found.text
  assert remedy in found.remedy and bool(remedy) == bool(found.remedy)


def test_a_driver_is_found_by_its_program(tmp_path, monkeypatch):
  monkeypatch.setattr(devices, 'DRIVER', tmp_path / 'nvidia')
  monkeypatch.setenv('PATH', str(tmp_path))
  assert not devices.has_driver()
  program = tmp_path / 'nvidia-smi'
  program.write_text('#!/bin/sh\n')
  program.chmod(0o755)
  assert devices.has_driver()


def test_a_driver_is_found_by_the_kernel(tmp_path, monkeypatch):
  monkeypatch.setenv('PATH', '')
  monkeypatch.setattr(devices, 'DRIVER', tmp_path)
  assert devices.has_driver()


def test_the_devices_of_this_machine_are_no_failure():
  found = devices.devices()
  assert found.status in (finding.OK, finding.WARN)
  assert 'CPU cores' in found.text and 'GPU' in found.text


def test_convolutions_of_this_process_have_gradients():
  assert conv_gradients.exist(rate=2)
  found = devices.convolutions()
  assert found.status == finding.OK
  assert 'float32' in found.text and not found.remedy


@pytest.mark.slow
def test_convolutions_without_onednn_are_a_failure():
  program = (
    'from deeplab_nas.doctor import devices\n'
    'print(devices.convolutions().line("convolutions"))'
  )
  result = subprocess.run(
    [sys.executable, '-c', program],
    capture_output=True,
    text=True,
    env={
      **os.environ,
      'TF_ENABLE_ONEDNN_OPTS': '0',
      'CUDA_VISIBLE_DEVICES': '',
    },
  )
  assert result.stdout.startswith('FAIL'), result.stderr
  assert 'atrous' in result.stdout
  assert 'set TF_ENABLE_ONEDNN_OPTS=1' in result.stdout


def test_convolutions_without_groups_take_the_slow_path(monkeypatch):
  # No processor at hand has gradients of the one kind without the other.
  monkeypatch.setattr(fused_node, 'is_supported', lambda dtype=None: False)
  found = devices.convolutions()
  assert found.status == finding.WARN
  assert 'slow path' in found.text


def test_convolutions_without_bfloat16_are_enough(monkeypatch):
  def is_supported(dtype=tf.float32):
    return dtype == tf.float32

  monkeypatch.setattr(fused_node, 'is_supported', is_supported)
  found = devices.convolutions()
  assert found.status == finding.OK
  assert 'not in bfloat16' in found.text

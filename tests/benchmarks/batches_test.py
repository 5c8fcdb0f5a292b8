"""Batches of a tiny dataset, in this process."""

from __future__ import annotations

import pytest

from benchmarks import batches
from deeplab_nas.data import conversion, layouts
from deeplab_nas.runtime import tensorflow_setup
from tests.data import tiny_folder


@pytest.fixture(scope='module')
def data_dir(tmp_path_factory):
  root = tmp_path_factory.mktemp('batches')
  folder = tiny_folder.TinyFolder(root / 'data')
  output = conversion.Output(str(root / 'out'), workers=1)
  conversion.convert(layouts.folder(folder.root), output)
  return str(root / 'out')


@pytest.mark.parametrize('kind', batches.KINDS)
def test_all_kinds_give_images(kind, data_dir, monkeypatch):
  # Threads cannot be set in a process that has used TensorFlow.
  monkeypatch.setattr(tensorflow_setup, 'prepare', lambda config: None)
  job = batches.build(kind, data_dir, 'train', 9, 2, 5, num_busy=1)
  try:
    job.step()
  finally:
    job.close()
  facts = job.facts()
  assert facts.pop('first_batch_seconds') > 0
  assert facts == {'images': 4, 'examples': 3, 'max_size': [12, 16]}

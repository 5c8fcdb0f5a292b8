"""The converter's command, run and watched."""

from __future__ import annotations

import pytest

from benchmarks import converter, scenes
from deeplab_nas import errors


def test_a_step_converts_anew_and_is_measured(tmp_path):
  scenes.make(tmp_path / 'data', {'train': 1, 'val': 1}, (16, 32), 1)
  output = tmp_path / 'out'
  output.mkdir()
  (output / 'old').touch()
  job = converter.build(str(tmp_path / 'data'), str(output), 1, 2)
  job.step()
  assert (output / 'dataset.json').is_file() and not (output / 'old').exists()
  facts = job.facts()
  assert facts['images'] == 2 and facts['workers'] == 1
  assert facts['output_bytes'] > 0 and facts['median_cpu_seconds'] > 0
  assert facts['peak_bytes'] > 2**24


def test_what_the_converter_refuses_is_passed_on(tmp_path):
  job = converter.build(str(tmp_path / 'no'), str(tmp_path / 'out'), 1, 2)
  with pytest.raises(errors.UserError, match='says: error: --data_dir='):
    job.step()

from __future__ import annotations

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.data import dataset_info
from deeplab_nas.serving import assets
from deeplab_nas.space import genotype as genotype_lib
from tests.serving import tiny


def test_what_travels_inside_comes_out(tmp_path):
  split = dataset_info.SplitInfo(1, 1, (2, 2), (2, 2), (1, 2, 1))
  info = dataclasses.replace(tiny.INFO, ignore_label=7, splits={'train': split})
  assets.write(tmp_path, info, tiny.GENOTYPE, 'data: {}\n')
  assert assets.read_info(tmp_path) == dataclasses.replace(info, splits={})
  folder = tmp_path / 'assets'
  assert genotype_lib.Genotype.load(folder / 'genotype.json') == tiny.GENOTYPE
  assert (folder / 'config.yaml').read_text() == 'data: {}\n'


def test_a_network_without_a_run_has_no_config(tmp_path):
  assets.write(tmp_path, tiny.INFO, tiny.GENOTYPE, None)
  names = sorted(path.name for path in (tmp_path / 'assets').iterdir())
  assert names == ['classes.json', 'genotype.json']


def test_foreign_models_are_refused(tmp_path):
  with pytest.raises(errors.UserError, match='without assets/classes.json'):
    assets.read_info(tmp_path)

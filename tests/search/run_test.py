"""The family of the strategy runs the search."""

import dataclasses

import pytest

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import run as search_run


def with_strategy(name):
  config = config_lib.load('quickstart')
  search = dataclasses.replace(config.search, strategy=name)
  return dataclasses.replace(config, search=search)


def test_an_unknown_strategy_is_refused_before_anything_is_written(tmp_path):
  directory = run_directory.RunDirectory(tmp_path)
  with pytest.raises(errors.UserError, match="'guess'"):
    search_run.run(with_strategy('guess'), directory)
  with pytest.raises(errors.UserError, match="'guess'"):
    search_run.dry_run(with_strategy('guess'))
  assert not list(tmp_path.iterdir())


def test_a_relaxed_strategy_is_run_by_its_family(tmp_path):
  """Which refuses a folder without data."""
  config = with_strategy('first_order')
  data = dataclasses.replace(config.data, dir=str(tmp_path / 'nowhere'))
  config = dataclasses.replace(config, data=data)
  with pytest.raises(errors.UserError, match='nowhere'):
    search_run.run(config, run_directory.RunDirectory(tmp_path))

"""What Python code may give where a configuration is wanted."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping
from typing import Any, Union

from deeplab_nas import paths
from deeplab_nas.config import config as config_lib

ConfigLike = Union[
  str, 'os.PathLike[str]', Mapping[str, Any], config_lib.Config
]

_WIDTH = 'network.filter_multiplier'


def resolve(
  given: ConfigLike,
  data_dir: str | os.PathLike[str] | None = None,
  filters: float | None = None,
) -> config_lib.Config:
  """The configuration that is meant.

  Args:
    given: A preset's name, a YAML file, settings such as
      {'search': {'epochs': 2}} or {'search.epochs': 2}, or a configuration.
    data_dir: Comes before any other data.dir; None for that.
    filters: Of a network, where `given` does not say it itself, by
      `names_width`; None for the width of the preset, or the default one.

  Raises:
    UserError: If there is no such preset or file, or a setting does not fit.
  """
  where = None if data_dir is None else os.fspath(data_dir)
  wide = {} if filters is None else {_WIDTH: filters}
  if isinstance(given, Mapping):
    given = config_lib.Config.from_dict(_nested({**wide, **given}))
  elif not isinstance(given, config_lib.Config):
    overrides = [f'{name}={value:g}' for name, value in wide.items()]
    return config_lib.load(paths.expand_given(given), overrides, where)
  if where is None:
    return given
  data = dataclasses.replace(given.data, dir=where)
  return dataclasses.replace(given, data=data)


def names_width(given: ConfigLike) -> bool:
  """Whether it is settings, all of them or one that is F of the network.

  Those of a preset or a file are for any architecture.
  """
  if not isinstance(given, Mapping):
    return isinstance(given, config_lib.Config)
  section, _, key = _WIDTH.partition('.')
  network = _nested(given).get(section)
  return isinstance(network, dict) and key in network


def _nested(settings: Mapping[str, Any]) -> dict[str, Any]:
  """{'search': {'epochs': 2}} of {'search.epochs': 2}, as --set writes it."""
  nested = {}
  for name, value in settings.items():
    section, dot, key = str(name).partition('.')
    value = {key: value} if dot else value
    known = nested.get(section)
    if isinstance(known, dict) and isinstance(value, Mapping):
      value = {**known, **value}
    nested[section] = dict(value) if isinstance(value, Mapping) else value
  return nested

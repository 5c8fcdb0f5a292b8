"""Packages that are also the function of their name: `deeplab_nas.search(...)`.

Python puts a package that was imported in the place of whatever else has its
name in `deeplab_nas`, so the function cannot stand there by itself.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import Any


class _CallableRoom(types.ModuleType):
  def __call__(self, *args: Any, **kwargs: Any) -> Any:
    """Calls the function of `deeplab_nas.api` that has the package's name."""
    package, _, name = self.__name__.rpartition('.')
    # Late: what the function needs may import this very package.
    api = importlib.import_module(f'{package}.api')
    return getattr(api, name)(*args, **kwargs)


def make(name: str) -> None:
  """Lets a package be called; it passes its `__name__` as it is imported."""
  sys.modules[name].__class__ = _CallableRoom

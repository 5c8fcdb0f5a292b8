"""A package and a function of one name."""

import importlib

import pytest

import deeplab_nas
from deeplab_nas import api


@pytest.mark.parametrize('name', ['search', 'train', 'evaluate'])
def test_a_package_is_the_function_however_it_was_imported(name, monkeypatch):
  package = importlib.import_module(f'deeplab_nas.{name}')
  assert getattr(deeplab_nas, name) is package
  monkeypatch.setattr(api, name, lambda *args, **kwargs: (args, kwargs))
  assert package(1, a=2) == ((1,), {'a': 2})

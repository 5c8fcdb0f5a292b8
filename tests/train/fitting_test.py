"""Fitting passes everything on, and says how to go on when stopped."""

import logging
import types

import pytest

from deeplab_nas.train import fitting


def test_settings_are_passed_on():
  calls = []
  model = types.SimpleNamespace(fit=lambda *a, **k: calls.append((a, k)))
  fitting.fit(model, 'batches', epochs=3)
  assert calls == [(('batches',), {'epochs': 3, 'verbose': 0})]


def test_who_stops_it_is_told_how_to_go_on(caplog):
  def fit(*_, **__):
    raise KeyboardInterrupt

  with caplog.at_level(logging.INFO), pytest.raises(KeyboardInterrupt):
    fitting.fit(types.SimpleNamespace(fit=fit), 'batches')
  assert '--resume' in caplog.text

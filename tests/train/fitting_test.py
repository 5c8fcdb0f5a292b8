"""Fitting passes everything on, and says how to go on when stopped."""

import logging
import types

import pytest
import tensorflow as tf

from deeplab_nas.train import data_wait, fitting


def batches():
  return tf.data.Dataset.range(4)


def test_settings_are_passed_on():
  calls = []
  model = types.SimpleNamespace(fit=lambda *a, **k: calls.append((a, k)))
  fitting.fit(model, batches(), ['watcher'], epochs=3)
  (((passed,), settings),) = calls
  assert list(passed.as_numpy_iterator()) == [0, 1, 2, 3]
  first, *others = settings.pop('callbacks')
  assert isinstance(first, data_wait.DataWait) and others == ['watcher']
  assert settings == {'epochs': 3, 'verbose': 0}


def test_who_stops_it_is_told_how_to_go_on(caplog):
  def fit(*_, **__):
    raise KeyboardInterrupt

  with caplog.at_level(logging.INFO), pytest.raises(KeyboardInterrupt):
    fitting.fit(types.SimpleNamespace(fit=fit), batches())
  assert '--resume' in caplog.text

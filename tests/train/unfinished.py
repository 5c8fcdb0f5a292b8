"""Runs that were stopped."""

import contextlib

import pytest

from deeplab_nas.run import checkpoints


@contextlib.contextmanager
def stopped_at(monkeypatch, *position):
  """Whoever runs here is stopped right after it has saved that position."""
  save = checkpoints.Saver.save

  def save_and_stop(self, saved, logs=None):
    save(self, saved, logs)
    if saved == position:
      raise KeyboardInterrupt

  with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
    patch.setattr(checkpoints.Saver, 'save', save_and_stop)
    yield


def forget_last(folder, number):
  """Leaves what a run has that was stopped at the checkpoint before."""
  for path in (folder / 'checkpoints').glob(f'ckpt-{number}.*'):
    path.unlink()

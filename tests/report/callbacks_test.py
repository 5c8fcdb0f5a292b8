"""The callbacks of a training: all there, in order."""

from deeplab_nas.config import config as config_lib
from deeplab_nas.report import callbacks, progress
from deeplab_nas.run import directory as run_directory


def test_progress_comes_last_to_time_the_others(tmp_path, info):
  run = run_directory.RunDirectory(tmp_path)
  chosen = callbacks.for_training(run, config_lib.Config(), info, 10, None)
  assert isinstance(chosen[-1], progress.ProgressBar)
  assert len({type(callback) for callback in chosen}) == len(chosen) == 5

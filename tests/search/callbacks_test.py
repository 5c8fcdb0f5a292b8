"""The callbacks of a search: all there, in order."""

from deeplab_nas.config import config as config_lib
from deeplab_nas.report import progress
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search import callbacks


def test_progress_comes_last_to_time_the_others(tmp_path, info):
  run = run_directory.RunDirectory(tmp_path)
  chosen = callbacks.for_search(
    run, config_lib.Config(), info, 10, None, lambda: None
  )
  assert isinstance(chosen[-1], progress.ProgressBar)
  assert len({type(callback) for callback in chosen}) == len(chosen) == 6


def test_a_search_leaves_all_files(finished):
  names = {path.name for path in finished.run.path.iterdir()}
  assert names >= {
    'config.yaml',
    'run.json',
    'genotype.json',
    'genotypes',
    'metrics.jsonl',
    'pictures',
    'tensorboard',
  }

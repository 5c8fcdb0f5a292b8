"""The watchers of a run: all there, in order."""

import pytest

from deeplab_nas.config import config as config_lib
from deeplab_nas.report import callbacks, progress
from deeplab_nas.run import directory as run_directory


@pytest.mark.parametrize(
  'watchers_of, count',
  [(callbacks.for_search, 6), (callbacks.for_training, 5)],
)
def test_progress_comes_last_to_time_the_others(
  tmp_path, info, watchers_of, count
):
  run = run_directory.RunDirectory(tmp_path)
  watchers = watchers_of(run, config_lib.Config(), info, 10, None)
  assert isinstance(watchers[-1], progress.ProgressBar)
  assert len({type(watcher) for watcher in watchers}) == len(watchers) == count


def test_a_search_leaves_all_files(finished):
  names = {path.name for path in finished.run.path.iterdir()}
  assert names >= {
    *('config.yaml', 'run.json', 'genotype.json', 'genotypes'),
    *('metrics.jsonl', 'pictures', 'tensorboard'),
  }

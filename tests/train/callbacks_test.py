"""The watchers of a run: all there, in order."""

import pytest

from deeplab_nas import config
from deeplab_nas.train import callbacks, progress, run_directory


@pytest.mark.parametrize(
  'watchers_of, count',
  [(callbacks.for_search, 6), (callbacks.for_training, 5)],
)
def test_progress_comes_last_to_time_the_others(
  tmp_path, info, watchers_of, count
):
  run = run_directory.RunDirectory(tmp_path)
  watchers = watchers_of(run, config.Config(), info, 10, None)
  assert isinstance(watchers[-1], progress.ProgressBar)
  assert len({type(watcher) for watcher in watchers}) == len(watchers) == count


def test_a_search_leaves_all_files(finished):
  names = {path.name for path in finished.run.path.iterdir()}
  assert names >= {
    *('config.yaml', 'run.json', 'genotype.json', 'genotypes'),
    *('metrics.jsonl', 'pictures', 'tensorboard'),
  }

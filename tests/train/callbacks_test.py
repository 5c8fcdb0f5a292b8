"""The watchers of a search: all there, in order."""

from deeplab_nas import config
from deeplab_nas.train import callbacks, progress, run_directory


def test_progress_comes_last_to_time_the_others(tmp_path, info):
  run = run_directory.RunDirectory(tmp_path)
  watchers = callbacks.for_search(run, config.Config(), info, 10, None)
  assert isinstance(watchers[-1], progress.ProgressBar)
  assert len({type(watcher) for watcher in watchers}) == len(watchers) == 5


def test_a_search_leaves_all_files(finished):
  names = {path.name for path in finished.run.path.iterdir()}
  assert names >= {
    *('config.yaml', 'run.json', 'genotype.json', 'genotypes'),
    *('metrics.jsonl', 'pictures', 'tensorboard'),
  }

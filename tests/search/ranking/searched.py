"""A search that has a checkpoint, whose supernet can be scored."""

from deeplab_nas.config import config as config_lib
from deeplab_nas.run import checkpoints, continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.relaxed import run as search_run
from tests.train import records as records_lib


def supernet(root):
  """The run folder of a search, its first weights saved as an epoch's."""
  records = records_lib.make(root, num_images=20)
  config = config_lib.Config.from_dict(
    {
      'space': {'num_layers': 1, 'num_blocks': 1, 'filter_multiplier': 1},
      'data': {'dir': records, 'crop_size': [33, 33], 'batch_size': 2},
      'search': {'epochs': 1, 'arch_start_epoch': 0, 'steps_per_epoch': 3},
      'runtime': {'num_panels': 1},
    }
  )
  run = run_directory.RunDirectory.create(root / 'run')
  continuation.start(run, config, ['train.py'])
  searcher = search_run.build(config).searcher
  saver = checkpoints.Saver(
    run, optional=search_run.optional_state(searcher), searcher=searcher
  )
  saver.save(checkpoints.Position(1))
  return run


def config_of(run):
  """The settings of a run folder."""
  return config_lib.load(str(run.config))

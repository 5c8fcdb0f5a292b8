"""The supernet of a search is read as it was trained, or refused."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.run import checkpoints, continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.ranking import trained_supernet
from tests.search import pick_test
from tests.search.ranking import searched
from tests.search.trials.results import candidates_test


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  return searched.supernet(tmp_path_factory.mktemp('search'))


def test_all_variables_are_those_of_the_checkpoint(run):
  found = trained_supernet.load(run)
  reader = tf.train.load_checkpoint(checkpoints.latest(run.checkpoints))
  kept = {
    key: reader.get_tensor(key)
    for key in reader.get_variable_to_shape_map()
    if key.startswith('searcher/supernet/') and '.OPTIMIZER_SLOT' not in key
  }
  assert len(kept) == len(found.supernet.variables)
  totals = sorted(float(np.abs(x).sum()) for x in kept.values())
  ours = sorted(float(np.abs(x).sum()) for x in found.supernet.get_weights())
  np.testing.assert_allclose(ours, totals, rtol=1e-6)
  assert found.info.num_classes == 3


def test_folders_without_a_supernet_are_refused(tmp_path):
  study = candidates_test.make_study(tmp_path / 'study')
  with pytest.raises(errors.UserError, match='trains each architecture by'):
    trained_supernet.load(study)
  begun, _ = pick_test.make_search(tmp_path / 'begun')
  with pytest.raises(errors.UserError, match='has no checkpoint: the search'):
    trained_supernet.load(begun)
  training, _ = pick_test.make_search(tmp_path / 'training', mode='train')
  with pytest.raises(errors.UserError, match='the training of one'):
    trained_supernet.load(training)
  with pytest.raises(errors.UserError, match='is no run folder'):
    trained_supernet.load(tmp_path)


def test_a_checkpoint_of_another_space_is_refused(run, tmp_path):
  """Its config.yaml was replaced."""
  config = searched.config_of(run)
  wider = run_directory.RunDirectory.create(tmp_path / 'run')
  wider.checkpoints.symlink_to(run.checkpoints)
  settings = config.to_dict()
  settings['space']['num_layers'] = 2
  continuation.start(wider, type(config).from_dict(settings), ['train.py'])
  with pytest.raises(errors.UserError, match='is damaged, or config.yaml'):
    trained_supernet.load(wider)

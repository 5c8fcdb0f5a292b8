"""A run folder read back, and folders that are none."""

import json

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import checkpoints, continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.train import best, init_from, restore, variable_paths
from deeplab_nas.train import build as network_builder
from tests.train import tiny_training

INFO = dataset_info.DatasetInfo(
  'tiny', ('road', 'sky', 'car'), ((1, 1, 1), (2, 2, 2), (3, 3, 3))
)
GENOTYPE = tiny_training.GENOTYPE


def save(path, digest=GENOTYPE.digest, **settings):
  """A run folder as `train_run` leaves it, without the training."""
  config = config_lib.Config.from_dict(
    {'network': tiny_training.NETWORK, 'train': settings}
  )
  run = run_directory.RunDirectory.create(path)
  continuation.start(run, config, ['train.py'], 'train')
  continuation.keep_genotype(run, GENOTYPE)
  INFO.save(run.dataset)
  network = network_builder.build(config.network, GENOTYPE, 3)
  trainer = tiny_training.trainer(network=network, **settings)
  trainer.train_step(tiny_training.batch())
  keeper = best.BestKeeper(trainer, run, digest)
  keeper.on_epoch_end(0, {'val_miou': 0.5})
  trainer.train_step(tiny_training.batch())
  checkpoints.Saver(
    run,
    trainer=trainer,
    best=keeper.state,
    genotype_digest=checkpoints.digest_variable(digest),
  ).save(checkpoints.Position(1))
  return run, trainer


def logits(network):
  return np.array(network(tiny_training.batch()[0], training=False))


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
  path = tmp_path_factory.mktemp('run')
  return save(path, ema_decay=0.5, learning_rate=0.1, batch_norm='freeze')


def test_the_best_and_the_last_come_back(saved):
  run, trainer = saved
  assert np.any(
    logits(trainer.network) != trainer.predict_logits(tiny_training.batch()[0])
  )
  last = restore.load(run.path, 'last')
  np.testing.assert_allclose(
    logits(last.network),
    trainer.predict_logits(tiny_training.batch()[0]),
    rtol=1e-5,
    atol=1e-6,
  )
  found = restore.load(run.path)
  assert np.any(logits(found.network) != logits(last.network))
  stored = tf.train.load_checkpoint(found.checkpoint)
  key = 'network/logits/bias/.ATTRIBUTES/VARIABLE_VALUE'
  np.testing.assert_array_equal(
    variable_paths.by_path(found.network)['logits/bias'], stored.get_tensor(key)
  )


def test_a_folder_that_reads_like_a_pattern_is_only_itself(tmp_path):
  other, _ = save(tmp_path / 'e1')
  before = sorted(other.path.rglob('*'))
  run, trainer = save(tmp_path / 'e[1]', learning_rate=0.1)
  assert sorted(other.path.rglob('*')) == before
  last = restore.load(run.path, 'last')
  np.testing.assert_allclose(
    logits(last.network), logits(trainer.network), rtol=1e-5, atol=1e-6
  )
  found = restore.load(run.path)
  assert found.checkpoint == str(run.best / 'epoch-1')
  report = init_from.load(last.network, run.path)
  assert not report.skipped
  np.testing.assert_array_equal(logits(last.network), logits(found.network))
  assert init_from.load(last.network, found.checkpoint) == report


def test_what_describes_it_comes_with_it(saved):
  found = restore.load(saved[0].path)
  assert found.genotype == found.network.genotype == GENOTYPE
  assert found.info == INFO
  assert found.config.network.filter_multiplier == 1
  assert found.config.train.ema_decay == 0.5


def test_a_folder_of_something_else_is_refused(tmp_path):
  with pytest.raises(errors.UserError, match='is no run folder'):
    restore.load(tmp_path)
  run = run_directory.RunDirectory.create(tmp_path / 'search')
  continuation.start(run, config_lib.Config(), ['train.py'])
  with pytest.raises(errors.UserError, match='a supernet is no trained netw'):
    restore.load(run.path)


def test_a_run_without_a_checkpoint_yet_is_refused(tmp_path):
  run = run_directory.RunDirectory.create(tmp_path / 'run')
  continuation.start(run, config_lib.Config(), ['train.py'], 'train')
  for checkpoint in ('best', 'last'):
    with pytest.raises(errors.UserError, match='has not finished its first'):
      restore.load(run.path, checkpoint)


def test_a_replaced_genotype_is_refused(tmp_path):
  run, _ = save(tmp_path / 'run')
  tiny_training.OTHER_GENOTYPE.save(run.genotype)
  digests = f'{GENOTYPE.digest}.*{tiny_training.OTHER_GENOTYPE.digest}'
  for checkpoint in ('best', 'last'):
    with pytest.raises(errors.UserError, match=digests):
      restore.load(run.path, checkpoint)


def test_a_damaged_checkpoint_is_refused(tmp_path):
  run, _ = save(tmp_path / 'run')
  for path in run.best.glob('*.data*'):
    path.write_bytes(path.read_bytes()[:100])
  with pytest.raises(errors.UserError, match="damaged.*the checkpoint 'last'"):
    restore.load(run.path)


@pytest.mark.parametrize(
  'name', ['config.yaml', 'genotype.json', 'dataset.json']
)
def test_a_missing_file_is_named(tmp_path, name):
  run, _ = save(tmp_path / 'run')
  (run.path / name).unlink()
  with pytest.raises(errors.UserError, match=f'{name} is missing.*a copy'):
    restore.load(run.path)


def test_a_damaged_list_of_checkpoints_is_refused(tmp_path):
  run, _ = save(tmp_path / 'run')
  (run.best / 'checkpoint').write_text('rubbish')
  with pytest.raises(errors.UserError, match='best/checkpoint.* is damaged'):
    restore.load(run.path)


@pytest.mark.parametrize('content', ['{"mode"', '[]', '{"mode": 3}'])
def test_reading_a_damaged_folder_advises_nobody_to_overwrite_it(
  tmp_path, content
):
  run, _ = save(tmp_path / 'run')
  run.provenance.write_text(content)
  with pytest.raises(errors.UserError, match='damaged: restore it') as caught:
    restore.load(run.path)
  assert '--overwrite' not in str(caught.value)


def test_runs_without_a_mode_are_searches(tmp_path):
  run, _ = save(tmp_path / 'run')
  record = json.loads(run.provenance.read_text())
  assert record.pop('mode') == 'train'
  run.provenance.write_text(json.dumps(record))
  with pytest.raises(errors.UserError, match='holds a search'):
    restore.load(run.path)

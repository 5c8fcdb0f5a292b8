"""Weights of another training: which are taken, and what is said."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.data import dataset_info
from deeplab_nas.run import directory as run_directory
from deeplab_nas.train import init_from, variable_paths
from tests.train import tiny_training


@pytest.fixture
def directory(tmp_path):
  return run_directory.RunDirectory.create(tmp_path / 'run')


def filled(value, num_classes=3):
  """A network of one value everywhere."""
  network = tiny_training.Pixelwise(num_classes)
  for variable in network.variables:
    variable.assign(tf.fill(variable.shape, value))
  return network


def save(network, folder):
  folder.mkdir()
  manager = tf.train.CheckpointManager(
    tf.train.Checkpoint(network=network), str(folder), 1
  )
  return manager.save()


def test_everything_is_taken_but_the_progress(directory):
  prefix = save(filled(0.5), directory.best)
  for source in (directory.path, prefix, f'{prefix}.index', directory.best):
    network = filled(0.1)
    report = init_from.load(network, source)
    assert report.skipped == {} and report.unused == ()
    assert len(report.loaded) == len(network.variables) - 1
    for path, variable in variable_paths.by_path(network).items():
      expected = 0.1 if path == 'drop_path_progress' else 0.5
      np.testing.assert_allclose(variable, expected)


@pytest.mark.parametrize(
  'names, warning',
  [
    (('road', 'sky', 'car'), ''),
    (('sky', 'road', 'car'), 'class 0 is sky, was road'),
    (('road', 'sky', 'car', 'bus'), 'all is taken but the last layer'),
  ],
)
@pytest.mark.parametrize('is_folder', [True, False])
def test_a_warning_says_what_other_classes_mean(
  directory, caplog, names, warning, is_folder
):
  def described(names):
    colours = tuple((i, i, i) for i in range(len(names)))
    return dataset_info.DatasetInfo('made', names, colours)

  prefix = save(filled(0.5), directory.best)
  described(('road', 'sky', 'car')).save(directory.dataset)
  init_from.load(
    filled(0.1, num_classes=len(names)),
    directory.path if is_folder else prefix,
    described(names),
  )
  warnings = [
    r.getMessage() for r in caplog.records if r.levelname == 'WARNING'
  ]
  assert len(warnings) == bool(warning)
  assert warning in ''.join(warnings)


def test_other_classes_leave_out_the_logits(directory, caplog):
  save(filled(0.5), directory.best)
  network = filled(0.1, num_classes=4)
  with caplog.at_level('INFO'):
    report = init_from.load(network, directory.path)
  assert report.skipped == {
    'logits/kernel': '(1, 1, 8, 3) -> (1, 1, 8, 4)',
    'logits/bias': '(3,) -> (4,)',
  }
  assert report.to_text() == (
    f'Loaded {len(report.loaded)} variables, skipped 2: logits/kernel'
    ' (1, 1, 8, 3) -> (1, 1, 8, 4), logits/bias (3,) -> (4,).'
  )
  assert report.to_text() in caplog.text
  np.testing.assert_allclose(network.logits.kernel, 0.1)
  np.testing.assert_allclose(network.hidden.kernel, 0.5)


def test_names_that_are_not_there_are_reported(directory):
  hidden = tf.keras.layers.Dense(2)
  hidden.build([None, 3])
  part = tf.train.Checkpoint(norm=filled(0.5).norm, other=hidden)
  save(part, directory.best)
  report = init_from.load(filled(0.1), directory.path)
  assert len(report.loaded) == 4
  assert report.skipped['hidden/kernel'] == 'is not in the checkpoint'
  assert set(report.unused) == {'other/kernel', 'other/bias'}
  assert '2 of the checkpoint were of no use' in report.to_text()


def test_long_lists_are_cut():
  skipped = {f'v{i}': 'is not in the checkpoint' for i in range(30)}
  text = init_from.Report(('a',), skipped, ()).to_text()
  assert 'skipped 30' in text and 'v9 ' in text and 'v10' not in text


def test_the_last_weights_do_if_there_are_no_best(directory):
  trainer = tiny_training.trainer(network=filled(0.5))
  directory.checkpoints.mkdir()
  tf.train.CheckpointManager(
    tf.train.Checkpoint(trainer=trainer), str(directory.checkpoints), 1
  ).save()
  network = filled(0.1)
  assert not init_from.load(network, directory.path).skipped
  np.testing.assert_allclose(network.logits.bias, 0.5)


def test_nothing_in_common_is_refused(directory):
  dense = tf.keras.layers.Dense(2)
  dense.build([None, 3])
  save(tf.train.Checkpoint(other=dense), directory.best)
  with pytest.raises(errors.UserError, match='another architecture or width'):
    init_from.load(filled(0.1), directory.path)


def test_what_is_no_checkpoint_is_refused(directory, tmp_path):
  with pytest.raises(errors.UserError, match='has no checkpoint in best/'):
    init_from.load(filled(0.1), directory.path)
  with pytest.raises(errors.UserError, match='there is no .*missing.index'):
    init_from.load(filled(0.1), tmp_path / 'missing')
  (tmp_path / 'broken.index').write_text('broken')
  with pytest.raises(errors.UserError, match='is damaged'):
    init_from.load(filled(0.1), tmp_path / 'broken')


@pytest.mark.parametrize('damage', ['cut', 'missing'])
def test_damaged_values_are_refused_before_any_is_taken(directory, damage):
  prefix = save(filled(0.5), directory.best)
  (data,) = directory.best.glob('*.data-*')
  if damage == 'cut':
    data.write_bytes(data.read_bytes()[:40])
  else:
    data.unlink()
  network = filled(0.1)
  with pytest.raises(errors.UserError, match=f'{prefix} is damaged '):
    init_from.load(network, directory.path)
  for variable in network.variables:
    np.testing.assert_allclose(variable, 0.1)


def test_a_checkpoint_of_tensorflow_1_names_the_importer(tmp_path):
  prefix = str(tmp_path / 'model.ckpt-1')
  tf.raw_ops.SaveV2(
    prefix=prefix,
    tensor_names=['logits/semantic/weights'],
    shape_and_slices=[''],
    tensors=[tf.zeros([2])],
  )
  with pytest.raises(errors.UserError, match='import_tf1_checkpoint.py'):
    init_from.load(filled(0.1), prefix)

"""One training, from records to `best/`, resumed, stopped and dry."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info, split_contents, subsets
from deeplab_nas.nn.kernels import conv_gradients
from deeplab_nas.report import metrics_log
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.space import genotype
from deeplab_nas.train import restore, train_run, trainer, variable_paths
from tests.train import records as records_lib
from tests.train import tiny_training, unfinished

GENOTYPE = tiny_training.GENOTYPE


@pytest.fixture
def pixelwise(monkeypatch):
  """Puts a network that compiles at once in the place of the real one."""
  monkeypatch.setattr(
    train_run.network_builder,
    'build',
    lambda config, genotype, num_classes, **_: tiny_training.Pixelwise(
      num_classes
    ),
  )


def train(settings, path, resume=False, genotype=GENOTYPE):
  directory = run_directory.RunDirectory.create(path, resume=resume)
  continuation.start(directory, settings, ['train.py'], 'train')
  train_run.run(settings, genotype, directory, resume)
  return directory


@pytest.fixture(scope='module')
def finished(records, tmp_path_factory):
  """A training with all that has a state."""
  settings = records_lib.config(records, ema_decay=0.5)
  return train(settings, tmp_path_factory.mktemp('runs') / 'run')


def test_it_leaves_all_that_later_commands_need(finished, records):
  names = {path.name for path in finished.path.iterdir()}
  assert names == {
    'config.yaml',
    'run.json',
    'genotype.json',
    'dataset.json',
    'metrics.jsonl',
    'summary.txt',
    'pictures',
    'tensorboard',
    'checkpoints',
    'best',
  }
  assert genotype.Genotype.load(finished.genotype) == GENOTYPE
  info = dataset_info.DatasetInfo.load(records)
  assert dataset_info.DatasetInfo.load(finished.dataset) == info
  pictures = {path.name for path in finished.pictures.iterdir()}
  assert pictures == {'genotype.png', 'panels.png'}


def test_its_metrics_have_a_line_for_each_epoch(finished):
  lines = metrics_log.read(finished)
  assert [line['epoch'] for line in lines] == [1, 2]
  for line in lines:
    assert 0 <= line['val_miou'] <= 1
    assert line['val_loss'] > 0 and 'alpha_entropy' not in line
  rates = [0.05 * (1 - step / 4) ** 0.9 for step in (1, 3)]
  assert [line['learning_rate'] for line in lines] == pytest.approx(rates)


def test_its_best_network_has_the_miou_of_the_metrics(finished):
  best = max(line['val_miou'] for line in metrics_log.read(finished))
  found = restore.load(finished.path)
  parts = train_run.build(found.config, GENOTYPE, with_init=False)
  variables = variable_paths.by_path(parts.trainer.network)
  for path, variable in variable_paths.by_path(found.network).items():
    variables[path].assign(variable)
  metric = tf.keras.metrics.MeanIoU(found.info.num_classes, ignore_class=255)
  for images, labels in parts.val:
    logits = found.network(images, training=False)
    metric.update_state(labels, tf.argmax(logits, -1))
  assert float(metric.result()) == pytest.approx(best, abs=1e-6)


def test_a_finished_run_has_nothing_to_resume(finished):
  config = config_lib.load(str(finished.config))
  before = finished.metrics.read_text()
  train(config, finished.path, resume=True)
  assert finished.metrics.read_text() == before


def test_another_genotype_cannot_resume_it(finished):
  config = config_lib.load(str(finished.config))
  other = tiny_training.OTHER_GENOTYPE
  with pytest.raises(
    errors.UserError, match=f'genotype {GENOTYPE.digest}, not'
  ):
    train(config, finished.path, resume=True, genotype=other)
  assert genotype.Genotype.load(finished.genotype) == GENOTYPE


def test_the_rest_of_the_batches_is_the_same(records, pixelwise):
  parts = train_run.build(records_lib.config(records), GENOTYPE)
  next(iter(parts.train()))  # what the warm-up does
  whole = list(parts.train().take(4))
  resumed = list(parts.train(start_step=2).take(2))
  for a, b in zip(tf.nest.flatten(whole[2:]), tf.nest.flatten(resumed)):
    np.testing.assert_array_equal(a, b)


def state(directory):
  """Every variable of the last checkpoint of a run, by its key."""
  reader = tf.train.load_checkpoint(str(directory.checkpoints))
  return {
    key: np.asarray(reader.get_tensor(key))
    for key in reader.get_variable_to_shape_map()
    if key.endswith('VARIABLE_VALUE') and 'save_counter' not in key
  }


@pytest.mark.parametrize(
  'position, train_settings',
  [
    pytest.param(
      (2, 0),
      {'optimizer': 'adam', 'learning_rate': 1e-3},
      marks=pytest.mark.slow,
    ),
    ((1, 1), {}),
    pytest.param((1, 2), {}, marks=pytest.mark.slow),
  ],
)
def test_a_resumed_training_equals_an_uninterrupted_one(
  records, tmp_path, pixelwise, monkeypatch, position, train_settings
):
  settings = records_lib.config(
    records, epochs=3, ema_decay=0.5, **train_settings
  )
  always = dataclasses.replace(settings.runtime, checkpoint_minutes=1e-6)
  settings = dataclasses.replace(settings, runtime=always)
  directory = train(settings, tmp_path / 'whole')
  expected, lines = state(directory), metrics_log.read(directory)
  with unfinished.stopped_at(monkeypatch, *position):
    train(settings, tmp_path / 'run')
  directory = train(settings, tmp_path / 'run', resume=True)
  resumed = metrics_log.read(directory)
  assert len(lines) == len(resumed)
  for line, other in zip(lines, resumed):
    for name, value in line.items():
      if name not in ('class_iou', 'data_wait_share'):
        if not isinstance(value, str):
          value = pytest.approx(value, rel=1e-4)
        assert other[name] == value, name
  actual = state(directory)
  assert set(expected) == set(actual)
  for key, value in expected.items():
    if value.dtype.kind == 'f':
      np.testing.assert_allclose(
        actual[key], value, rtol=1e-4, atol=1e-5, err_msg=key
      )
    else:
      assert np.all(actual[key] == value), key


@pytest.mark.slow
def test_early_stopping_ends_the_run_for_good(records, tmp_path, pixelwise):
  settings = records_lib.config(
    records,
    epochs=6,
    early_stopping_epochs=2,
    learning_rate=1e-9,
    batch_norm='freeze',  # nothing changes
  )
  directory = train(settings, tmp_path / 'run')
  assert len(metrics_log.read(directory)) == 3
  train(settings, tmp_path / 'run', resume=True)
  assert len(metrics_log.read(directory)) == 3
  patient = dataclasses.replace(settings.train, early_stopping_epochs=None)
  settings = dataclasses.replace(settings, train=patient)
  train(settings, tmp_path / 'run', resume=True)
  assert len(metrics_log.read(directory)) == 6


def test_a_diverged_epoch_leaves_those_before(
  records, tmp_path, pixelwise, monkeypatch
):
  settings = records_lib.config(records, epochs=3)
  with unfinished.stopped_at(monkeypatch, 2, 0):
    train(settings, tmp_path / 'run')
  directory = run_directory.RunDirectory(tmp_path / 'run')
  before = {
    path: path.read_bytes()
    for folder in (directory.best, directory.checkpoints)
    for path in folder.glob('*-*')
  }
  lines = directory.metrics.read_text()

  def nan_loss(*_):
    return lambda logits, labels: float('nan') * tf.reduce_sum(logits)

  monkeypatch.setattr(trainer.losses, 'build', nan_loss)
  sentence = (
    'of epoch 3, step 1 is not finite, .* the images [^,]+, [^,]+[.] If'
  )
  with pytest.raises(errors.UserError, match=sentence):
    train(settings, directory.path, resume=True)
  after = {
    path: path.read_bytes()
    for folder in (directory.best, directory.checkpoints)
    for path in folder.glob('*-*')
  }
  assert after == before
  assert directory.metrics.read_text() == lines


def test_only_some_epochs_are_validated(records, tmp_path, pixelwise):
  settings = records_lib.config(records, epochs=3, val_every_epochs=2)
  directory = train(settings, tmp_path / 'run')
  lines = metrics_log.read(directory)
  assert ['val_miou' in line for line in lines] == [False, True, True]


def test_the_last_epoch_can_be_kept_with_decisions_on_what_is_held_out(
  records, tmp_path, pixelwise
):
  settings = records_lib.config(records, epochs=3, keep='last')
  data = dataclasses.replace(
    settings.data, held_out_fraction=0.25, val_split='absent'
  )
  settings = dataclasses.replace(settings, data=data)
  directory = train(settings, tmp_path / 'run')
  assert [path.name for path in directory.best.glob('*.index')] == [
    'epoch-3.index'
  ]
  assert ', after epoch 3, the last.' in directory.summary.read_text()
  names = split_contents.file_names(records, 'train')
  held_out = subsets.held_out(names, 0.25)
  parts = train_run.build(settings, GENOTYPE)
  assert sum(len(images) for images, _ in parts.val) == len(held_out) == 2
  seen = {name for step in range(12) for name in parts.names_of(step)}
  assert seen == set(names) - held_out


def test_a_pass_leaves_out_what_is_held_out(records, pixelwise):
  settings = records_lib.config(records, steps_per_epoch=None)
  data = dataclasses.replace(settings.data, held_out_fraction=0.25)
  settings = dataclasses.replace(settings, data=data)
  assert train_run.build(settings, GENOTYPE).steps_per_epoch == 3
  large = dataclasses.replace(data, batch_size=7)
  settings = dataclasses.replace(settings, data=large)
  with pytest.raises(
    errors.UserError, match='has 6 images to train on, fewer than'
  ):
    train_run.build(settings, GENOTYPE)


def test_without_validation_the_last_epoch_is_the_best(
  records, tmp_path, pixelwise
):
  settings = records_lib.config(records)
  data = dataclasses.replace(settings.data, val_split='')
  settings = dataclasses.replace(settings, data=data)
  directory = train(settings, tmp_path / 'run')
  assert [path.name for path in directory.best.glob('*.index')] == [
    'epoch-2.index'
  ]
  assert 'not validated' in directory.summary.read_text()


def test_weights_of_another_training_are_taken(finished, records):
  settings = records_lib.config(records, init_from=str(finished.path))
  network = train_run.build(settings, GENOTYPE).trainer.network
  expected = variable_paths.by_path(restore.load(finished.path).network)
  for path, variable in variable_paths.by_path(network).items():
    if path != 'drop_path_progress':
      np.testing.assert_array_equal(variable, expected[path])


def test_only_a_run_without_weights_takes_others(
  records, tmp_path, pixelwise, monkeypatch
):
  sources = []
  monkeypatch.setattr(
    train_run.init_from,
    'load',
    lambda network, source, _: sources.append(source),
  )
  settings = records_lib.config(records, epochs=1, init_from='other')
  # As a run that was stopped in its first epoch.
  directory = run_directory.RunDirectory.create(tmp_path / 'run')
  continuation.start(directory, settings, ['train.py'], 'train')
  directory.checkpoints.mkdir()
  train(settings, directory.path, resume=True)
  assert sources == ['other']
  train(settings, directory.path, resume=True)
  assert sources == ['other']


def test_averages_start_at_the_weights_that_were_taken(finished, records):
  settings = records_lib.config(
    records, init_from=str(finished.path), ema_decay=0.9
  )
  trainer = train_run.build(settings, GENOTYPE).trainer
  kernel = np.array(trainer.network.logits.kernel)
  with trainer.averaged():
    np.testing.assert_array_equal(trainer.network.logits.kernel, kernel)


def test_freezing_a_new_batch_norm_is_warned_of(records, caplog, pixelwise):
  train_run.build(records_lib.config(records, batch_norm='freeze'), GENOTYPE)
  assert 'freeze without --init_from' in caplog.text


def test_a_precision_that_this_machine_cannot_learn_is_refused(
  records, monkeypatch
):
  monkeypatch.setattr(conv_gradients, 'exist', lambda *_, **__: False)
  settings = records_lib.config(records, precision='mixed_float16')
  with pytest.raises(errors.UserError, match='set train.precision=float32'):
    train_run.build(settings, GENOTYPE)


def test_class_weights_are_logged(records, caplog, pixelwise):
  settings = records_lib.config(records, class_weights='inverse')
  with caplog.at_level('INFO'):
    train_run.build(settings, GENOTYPE)
  assert 'Class weights: ' in caplog.text


def test_an_epoch_is_one_pass_over_the_whole_split(records, pixelwise):
  settings = records_lib.config(records, steps_per_epoch=None)
  assert train_run.build(settings, GENOTYPE).steps_per_epoch == 4
  data = dataclasses.replace(settings.data, batch_size=9)
  with pytest.raises(errors.UserError, match='batch_size, which is 9'):
    train_run.build(dataclasses.replace(settings, data=data), GENOTYPE)


def test_dry_run_measures_a_step(records, pixelwise):
  estimate = train_run.dry_run(
    records_lib.config(records, epochs=5, val_every_epochs=2), GENOTYPE
  )
  assert estimate.weight_step_seconds > 0
  assert (estimate.num_val_images, estimate.num_validations) == (2, 3)
  assert 'architecture' not in estimate.to_text()

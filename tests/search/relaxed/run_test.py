"""One search, from records to genotype.json, resumed and dry."""

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import input_pipeline, subsets
from deeplab_nas.nn.kernels import phases
from deeplab_nas.report import metrics_log
from deeplab_nas.run import checkpoints, continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.search.relaxed import run as search_run
from deeplab_nas.space import genotype
from tests.search import draw, tiny
from tests.train import records as records_lib
from tests.train import unfinished


@pytest.fixture(scope='module')
def records(tmp_path_factory):
  """Twenty images and masks, converted as a user does."""
  return records_lib.make(tmp_path_factory.mktemp('data'), num_images=20)


def config(records, more=(), **search):
  settings = {'epochs': 2, 'arch_start_epoch': 1, 'steps_per_epoch': 2}
  return config_lib.Config.from_dict(
    draw.merged(
      {
        'space': {'num_layers': 1, 'num_blocks': 1, 'filter_multiplier': 1},
        'data': {'dir': records, 'crop_size': [33, 33], 'batch_size': 2},
        'search': {**settings, **search},
        'runtime': {'num_panels': 1},
      },
      dict(more),
    )
  )


def search(settings, path, resume=False):
  directory = run_directory.RunDirectory.create(path, resume=resume)
  continuation.start(directory, settings, ['train.py'])
  search_run.run(settings, directory, resume)
  return directory


def test_halves_are_disjoint_and_cover_the_split(records):
  names = input_pipeline.file_names(records, 'train')
  halves = [subsets.half_of(name) for name in names]
  counts = input_pipeline.count_subsets(records, 'train')
  assert counts == {'a': halves.count('a'), 'b': halves.count('b')}
  assert sum(counts.values()) == len(set(names)) == 16
  parts = search_run.build(config(records, steps_per_epoch=None))
  assert parts.steps_per_epoch == counts['a'] // 2


def test_all_paths_need_a_network(records):
  settings = config(records, {'network': {'low_level_stride': 8}})
  with pytest.raises(errors.UserError, match='low_level_stride is 8: a search'):
    search_run.build(settings)


def test_halves_do_not_see_the_same_augmentation(records):
  parts = search_run.build(config(records))
  (images_a, _), (images_b, _) = next(iter(parts.train()))
  assert images_a.shape == images_b.shape == (2, 33, 33, 3)
  assert np.any(images_a != images_b)


def test_a_search_weighs_classes(records, tmp_path, caplog):
  weights = tmp_path / 'weights.txt'
  weights.write_text('0.25 1 1')
  with caplog.at_level('INFO'):
    weighted = search_run.build(config(records, class_weights=str(weights)))
  assert 'Class weights: sky 0.25, ' in caplog.text
  plain = search_run.build(config(records))
  batch = tf.zeros([2, 33, 33, 3]), tf.zeros([2, 33, 33], tf.int32)
  for step, batches in (('arch_step', 2 * [batch]), ('weight_step', [batch])):
    losses = [
      float(getattr(parts.searcher, step)(*batches))
      for parts in (weighted, plain)
    ]
    assert losses[0] == pytest.approx(losses[1] / 4) and losses[0] > 0
  with pytest.raises(errors.UserError, match='search.class_weights is half'):
    search_run.build(config(records, class_weights='half'))


def test_a_resumed_search_sees_the_batches_it_would_have_seen(records):
  parts = search_run.build(config(records))
  next(iter(parts.train()))  # what the warm-up does
  whole = list(parts.train().take(4))
  resumed = list(parts.train(start_step=2).take(2))
  for a, b in zip(tf.nest.flatten(whole[2:]), tf.nest.flatten(resumed)):
    np.testing.assert_array_equal(a, b)


def test_a_split_that_is_not_there_is_refused(records):
  settings = config(records).to_dict()
  settings['data']['val_split'] = 'test'
  with pytest.raises(errors.UserError, match='test'):
    search_run.build(config_lib.Config.from_dict(settings))
  settings['data']['val_split'] = ''
  assert search_run.build(config_lib.Config.from_dict(settings)).val is None


def test_too_large_a_batch_is_refused(records):
  settings = config(records).to_dict()
  settings['data']['batch_size'] = 17
  with pytest.raises(errors.UserError, match='batch_size, which is 17'):
    search_run.build(config_lib.Config.from_dict(settings))


def test_too_few_steps_for_all_decisions_are_told(records, caplog):
  few = config(records, strategy='perturbation', steps_per_epoch=2)
  with caplog.at_level('WARNING'):
    search_run.build(few)
  assert 'perturbation has a step of its own for each' in caplog.text
  assert 'this search has 4: it leaves some undecided' in caplog.text
  caplog.clear()
  search_run.build(config(records, strategy='perturbation', epochs=40))
  assert 'undecided' not in caplog.text


def test_search_writes_what_it_found_and_resumes(records, tmp_path, capsys):
  settings = config(records)
  directory = search(settings, tmp_path / 'run')
  found = genotype.Genotype.load(directory.genotype)
  assert found in settings.space.build()
  assert found.digest in directory.summary.read_text()
  assert found.digest in directory.summary.read_text()
  assert capsys.readouterr().out == ''  # a command prints, a function returns
  lines = metrics_log.read(directory)
  assert [line['epoch'] for line in lines] == [1, 2]
  assert lines[0]['arch_loss'] is None  # not yet
  assert lines[1]['arch_loss'] > 0
  assert 0 <= lines[1]['val_miou'] <= 1
  # A tenth of two steps on crops of 33 x 33, in images of 12 x 16.
  assert lines[1]['recalibration_batches'] == 3
  assert (
    'statistics that were taken anew over 3 batches'
    in directory.summary.read_text()
  )

  search(settings, tmp_path / 'run', resume=True)  # nothing is left to do
  assert metrics_log.read(directory) == lines
  assert genotype.Genotype.load(directory.genotype) == found


def test_walks_are_kept_and_may_be_absent(tmp_path):
  """A checkpoint of a release without them is read; they begin there."""

  def saver(searcher, optional=None):
    return checkpoints.Saver(directory, searcher=searcher, optional=optional)

  directory = run_directory.RunDirectory.create(tmp_path / 'run')
  before = tiny.searcher()
  before.arch_step(tiny.batch(9), tiny.batch(0))
  saver(before).save(checkpoints.Position(1))

  after = tiny.searcher(seed=1)
  kept = saver(after, search_run.optional_state(after))
  assert kept.restore() == (1, 0)
  assert kept.absent == {'noise_walks'}
  after.noise_walks.restart()
  np.testing.assert_array_equal(
    after.noise_walks.read().walks['beta'][5], before.strategy.params.beta
  )
  after.arch_step(tiny.batch(9), tiny.batch(1))
  kept.save(checkpoints.Position(2))

  again = tiny.searcher(seed=1)
  whole = saver(again, search_run.optional_state(again))
  assert whole.restore() == (2, 0) and not whole.absent
  for searcher in (after, again):
    searcher.arch_step(tiny.batch(9), tiny.batch(2))
  for a, b in zip(after.noise_walks.variables, again.noise_walks.variables):
    np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
  assert again.arch_state().evidence.num_steps == 2


def batch_statistics(parts, batches):
  """Means over batches, of what a weight step adds to moving statistics."""
  supernet, arch = parts.searcher.supernet, parts.searcher.strategy
  layers = [x for x in supernet.submodules if hasattr(x, 'moving_mean')]
  found = []
  for images, _ in batches:
    for layer in layers:
      layer.moving_mean.assign(tf.ones_like(layer.moving_mean))
      layer.moving_variance.assign(tf.ones_like(layer.moving_variance))
    supernet(images, arch.mode(), phases.WEIGHT_STEP)
    found.append(
      [
        [10 * np.asarray(x) - 9 for x in (y.moving_mean, y.moving_variance)]
        for y in layers
      ]
    )
  return layers, found


def test_statistics_of_the_supernet_are_taken_anew(records):
  """Over batches of half A, whatever they were before, twice the same."""
  parts = search_run.build(config(records, recalibration_batches=3))
  half_a = list(parts.searcher.recalibration.batches())
  assert len(half_a) == 3
  layers, found = batch_statistics(parts, half_a)
  found = [zip(*of_layer) for of_layer in zip(*found)]
  recalibration = parts.searcher.recalibration
  kernels = [x.numpy() for x in parts.searcher.supernet.trainable_variables]
  assert recalibration.run() == 3
  first = [x.numpy() for x in parts.searcher.supernet.non_trainable_variables]
  assert len(layers) > 5
  for layer, (means, variances) in zip(layers, found):
    means, variances = np.stack(means), np.stack(variances)
    expected = variances.mean(0) + means.var(0)
    np.testing.assert_allclose(layer.moving_mean, means.mean(0), 1e-4, 1e-4)
    np.testing.assert_allclose(layer.moving_variance, expected, 1e-3, 1e-4)
  parts.searcher.weight_step(half_a[0])
  for old, kernel in zip(kernels, parts.searcher.supernet.trainable_variables):
    kernel.assign(old)
  recalibration.run()
  again = parts.searcher.supernet.non_trainable_variables
  for old, new in zip(first, again):
    np.testing.assert_array_equal(old, new)


def test_a_validation_measures_the_supernet_with_them(records):
  """And training, which does not read them, goes on as if it had not been."""
  trained = []
  for count in (0, 2):
    parts = search_run.build(config(records, recalibration_batches=count))
    searcher = parts.searcher
    batches = iter(parts.train())
    searcher.weight_step(next(batches)[0])
    logs = searcher.evaluate(parts.val, verbose=0, return_dict=True)
    searcher.weight_step(next(batches)[0])
    weights = [x.numpy() for x in searcher.supernet.trainable_variables]
    trained.append((logs['loss'], weights))
  (without, weights), (loss, same) = trained
  assert loss != pytest.approx(without, rel=1e-3)
  for a, b in zip(weights, same):
    np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_resumed_search_equals_an_uninterrupted_one(
  records, tmp_path, monkeypatch
):
  settings = config(records, draw.of('resumed').settings, epochs=3)
  whole = search(settings, tmp_path / 'whole')

  directory = run_directory.RunDirectory.create(tmp_path / 'parts')
  continuation.start(directory, settings, ['train.py'])
  with unfinished.stopped_at(monkeypatch, 2, 0):
    search_run.run(settings, directory)
  search(settings, tmp_path / 'parts', resume=True)

  expected, actual = metrics_log.read(whole), metrics_log.read(directory)
  assert [line['epoch'] for line in actual] == [1, 2, 3]
  # The same steps at the same learning rates, on the same batches; sums on
  # several threads differ in the last bits and batch norm makes them more.
  for name, tolerance in {
    'learning_rate': 1e-6,
    'alpha_entropy': 1e-4,
    'beta_entropy': 1e-4,
    'loss': 0.1,
  }.items():
    np.testing.assert_allclose(
      [line[name] for line in actual],
      [line[name] for line in expected],
      rtol=tolerance,
    )


def test_results_without_a_checkpoint_are_not_overwritten(records, tmp_path):
  directory = run_directory.RunDirectory.create(tmp_path / 'run')
  directory.metrics.write_text('{"epoch": 1}\n')
  searcher = search_run.build(config(records)).searcher
  with pytest.raises(errors.UserError, match='no checkpoint'):
    checkpoints.Saver(directory, searcher=searcher).restore()


@pytest.mark.slow
def test_partial_channels_are_searched_drawn_and_resumed(records, tmp_path):
  drawn = draw.of('partial channels').settings
  settings = config(records, drawn, epochs=1, arch_start_epoch=0).to_dict()
  settings['space'].update(
    num_blocks=2, filter_multiplier=4, partial_channels=2
  )
  settings = config_lib.Config.from_dict(settings)
  directory = search(settings, tmp_path / 'run')
  found = genotype.Genotype.load(directory.genotype)
  assert found in settings.space.build()
  (line,) = metrics_log.read(directory)
  assert line['arch_loss'] > 0
  assert line['gamma_entropy'] == pytest.approx(np.log([2, 3]).mean(), 1e-3)
  assert line['alpha_entropy'] == pytest.approx(np.log(8), 1e-3)
  assert (directory.pictures / 'alpha_beta.png').is_file()

  searcher = search_run.build(settings).searcher
  assert checkpoints.Saver(directory, searcher=searcher).restore() == (1, 0)
  gamma = searcher.strategy.params.gamma
  assert searcher.strategy.genotype() == found and np.all(gamma != 0)


def test_damaged_checkpoint_falls_back_to_the_one_before(records, tmp_path):
  directory = run_directory.RunDirectory.create(tmp_path / 'run')
  searcher = search_run.build(config(records)).searcher
  saver = checkpoints.Saver(directory, searcher=searcher)
  for epoch in (1, 2):
    saver.save(checkpoints.Position(epoch))
  data = sorted(directory.checkpoints.glob('*.data*'))
  data[1].write_bytes(data[1].read_bytes()[:100])
  assert checkpoints.Saver(directory, searcher=searcher).restore() == (1, 0)
  data[0].write_bytes(b'')
  with pytest.raises(errors.UserError, match='No checkpoint .* restored'):
    checkpoints.Saver(directory, searcher=searcher).restore()


@pytest.mark.slow
def test_checkpoint_restores_every_variable(records, tmp_path):
  settings = config(records, draw.of('checkpoint').settings)
  directory = run_directory.RunDirectory.create(tmp_path / 'run')
  searchers = [search_run.build(settings).searcher for _ in range(2)]
  trained, fresh = searchers
  untrained = [np.asarray(x) for x in fresh.strategy.variables]
  batches = search_run.build(settings).train()
  trained.fit(batches, steps_per_epoch=3, verbose=0)  # both kinds of steps
  checkpoints.Saver(directory, searcher=trained).save(
    checkpoints.Position(4, 1)
  )
  assert checkpoints.Saver(directory, searcher=fresh).restore() == (4, 1)

  def state(model):
    variables = [*model.supernet.variables, *model.strategy.variables]
    variables += model.weight_optimizer.variables
    if hasattr(model.strategy, 'optimizer'):
      variables += model.strategy.optimizer.variables
    return [np.asarray(variable) for variable in variables]

  for a, b in zip(state(trained), state(fresh)):
    np.testing.assert_array_equal(a, b)
  assert int(fresh.weight_optimizer.iterations) == 3
  learnt = [np.asarray(x) for x in fresh.strategy.variables]
  assert any(np.any(a != b) for a, b in zip(learnt, untrained))


def test_dry_run_measures_each_kind_of_step(records):
  settings = config(records, draw.of('dry run').settings)
  estimate = search_run.dry_run(settings)
  assert estimate.weight_step_seconds > 0
  assert estimate.num_val_images == 4
  assert (estimate.steps_per_epoch, estimate.epochs) == (2, 2)

"""From a run folder to files, by the command that a user types."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import input_pipeline, pipeline_config, split_contents
from deeplab_nas.evaluate import image_counts
from deeplab_nas.run import continuation
from deeplab_nas.run import directory as run_directory
from deeplab_nas.train import eval_run, restore, train_run
from tests.data import labelled_test
from tests.train import records, tiny_training


@pytest.fixture(scope='module')
def run(tmp_path_factory):
  """A short training, and its settings."""
  root = tmp_path_factory.mktemp('eval')
  config = records.config(records.make(root))
  directory = run_directory.RunDirectory.create(root / 'run')
  continuation.start(directory, config, ['train.py'], 'train')
  train_run.run(config, tiny_training.GENOTYPE, directory)
  return directory, config


def with_eval(config, **settings):
  return type(config).from_dict({**config.to_dict(), 'eval': settings})


def test_numbers_are_those_of_an_independent_count(run, capsys):
  directory, config = run
  found = eval_run.run(directory, config)
  result = found.scores
  source = restore.load(directory)
  dataset = input_pipeline.eval_dataset(
    config.data.dir,
    'val',
    source.info,
    pipeline_config.PipelineConfig(batch_size=1),
  )
  hits = pixels = images = 0
  for image, label in dataset:
    best = np.asarray(source.network(image)).argmax(-1)
    is_counted = np.asarray(label) != source.info.ignore_label
    hits += (best == np.asarray(label))[is_counted].sum()
    pixels += is_counted.sum()
    images += 1
  assert images == result.num_images == 2
  assert result.confusion.sum() == pixels
  assert result.pixel_accuracy == pytest.approx(hits / pixels, abs=1e-3)

  folder = directory.evaluations / 'val'
  record = json.loads((folder / 'results.json').read_text('utf-8'))
  assert record['miou'] == pytest.approx(result.miou)
  assert record['split'] == 'val'
  costs = record['costs']
  assert costs['parameters'] == sum(
    np.size(w) for w in source.network.trainable_weights
  )
  assert costs['multiply_adds'] > costs['parameters']
  assert record['genotype'] == tiny_training.GENOTYPE.digest
  assert (folder / 'classes.csv').read_text('utf-8') == result.to_csv()
  assert Image.open(folder / 'confusion.png').width > 100
  images = (folder / 'images.csv').read_text('utf-8').splitlines()
  names = split_contents.file_names(config.data.dir, 'val')
  assert sorted(x.split(',')[0] for x in images[1:]) == sorted(names)
  kept = image_counts.ImageCounts.from_bytes(
    (folder / 'images.npz').read_bytes(), 'images.npz'
  )
  assert list(kept.names) == names
  np.testing.assert_array_equal(kept.counts, result.images.counts)
  assert found.folder == folder
  assert capsys.readouterr().out == ''  # a command prints, a function returns


def test_each_way_to_measure_has_a_folder_of_its_own(run):
  directory, config = run
  eval_run.run(
    directory,
    with_eval(
      config,
      split='train',
      scales=[0.5, 1.0],
      flip=True,
      checkpoint='last',
    ),
  )
  folder = directory.evaluations / 'train_last_scales_0.5_1_flip'
  record = json.loads((folder / 'results.json').read_text('utf-8'))
  assert (record['scales'], record['flip']) == ([0.5, 1.0], True)
  assert record['num_images'] == 8


def test_data_of_other_classes_is_refused(run, tmp_path):
  directory, config = run
  folder = tmp_path / 'records'
  folder.mkdir()
  info = restore.load(directory).info
  other = type(info)('other', ('x', 'y', 'z'), info.palette)
  other.save(folder)
  changed = type(config).from_dict(
    {
      **config.to_dict(),
      'data': {**config.to_dict()['data'], 'dir': str(folder)},
    }
  )
  with pytest.raises(errors.UserError, match='the 3 classes x, y, z, but'):
    eval_run.run(directory, changed)


@pytest.mark.parametrize('masks', [((255,),), (None, None)])
def test_a_split_without_labels_is_refused(masks, run, tmp_path):
  directory, config = run
  restore.load(directory).info.save(tmp_path)
  labelled_test.write(tmp_path, 'extra', *masks)
  data = {**config.to_dict()['data'], 'dir': str(tmp_path)}
  changed = type(config).from_dict(
    {**config.to_dict(), 'data': data, 'eval': {'split': 'extra'}}
  )
  with pytest.raises(errors.UserError, match='Split extra .* no pixel with a'):
    eval_run.run(directory, changed)


def test_a_folder_for_scores_that_cannot_be_is_refused(run, tmp_path):
  directory, config = run
  other = run_directory.RunDirectory(tmp_path / 'run')
  shutil.copytree(directory.path, other.path)
  shutil.rmtree(other.evaluations, ignore_errors=True)
  other.evaluations.write_text('in the way')
  with pytest.raises(errors.UserError, match='eval cannot be written to'):
    eval_run.run(other, config)

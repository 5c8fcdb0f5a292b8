"""Evaluations are found and read, or it is said what is missing."""

import json

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.evaluate import evaluated
from tests.evaluate import evaluations


def test_a_run_with_one_evaluation_is_enough(tmp_path):
  run = evaluations.write(
    tmp_path / 'a', 0.7, seconds=[100.0, 25.5], train={'loss': 'dice'}
  )
  read = evaluated.Evaluated.load(run)
  assert read.folder == run / 'eval' / 'val'
  assert read.class_names == evaluations.NAMES
  np.testing.assert_array_equal(read.pixels[:, 1], evaluations.LABELLED)
  assert read.settings['train.loss'] == 'dice'
  assert read.settings['train.epochs'] == 100
  assert not any(key.startswith('eval.') for key in read.settings)
  assert read.seconds == 125.5


def test_the_folder_of_an_evaluation_can_be_given(tmp_path):
  run = evaluations.write(tmp_path / 'a', 0.7)
  evaluations.write(run, 0.8, 'val_flip')
  for name in ('val', 'val_flip'):
    alone = evaluated.Evaluated.load(run / 'eval' / name)
    assert alone.folder == run / 'eval' / name
    assert evaluated.Evaluated.load(run, name).results == alone.results
  with pytest.raises(errors.UserError, match='val, val_flip: choose one with'):
    evaluated.Evaluated.load(run)
  with pytest.raises(errors.UserError, match='no evaluation test, only val, '):
    evaluated.Evaluated.load(run, 'test')


def test_a_run_of_an_earlier_release_has_todays_settings(tmp_path):
  run = evaluations.write(tmp_path / 'a', 0.7)
  (run / 'config.yaml').write_text('train: {top_k: 0.5, epochs: 3}\n')
  (run / 'run.json').write_text('{"mode": "train", "starts": [{}]}')
  read = evaluated.Evaluated.load(run)
  assert read.settings['train.ohem_fraction'] == 0.5
  assert read.settings['train.loss'] == 'cross_entropy'
  assert read.seconds is None


def test_what_is_missing_or_damaged_is_said(tmp_path):
  def refused(sentence):
    with pytest.raises(errors.UserError) as caught:
      evaluated.Evaluated.load(run)
    assert sentence in str(caught.value)

  run = tmp_path / 'nowhere'
  refused('nowhere is not there: give the run folders')
  run.mkdir()
  refused('scripts/train.py --mode=eval --run_dir=')
  refused('holds no evaluation: run ')
  run = evaluations.write(tmp_path / 'a', 0.7)
  folder = run / 'eval' / 'val'
  content = (folder / 'images.npz').read_bytes()
  (folder / 'images.npz').write_bytes(content[:90])
  refused('images.npz is damaged: evaluate that run again')
  (folder / 'images.npz').unlink()
  refused('was written by an earlier release')
  (folder / 'images.npz').write_bytes(content)
  record = json.loads((folder / 'results.json').read_text())
  del record['class_iou']['car']
  (folder / 'results.json').write_text(json.dumps(record))
  refused('images.npz is damaged')
  (folder / 'results.json').write_text(json.dumps({**record, 'costs': [1]}))
  refused('results.json is damaged')
  for text in ('', '[]', '{}'):
    (folder / 'results.json').write_text(text)
    refused('results.json is damaged: evaluate that run again')


def test_seconds_that_are_no_number_are_not_known(tmp_path):
  run = evaluations.write(tmp_path / 'a', 0.7)
  starts = [{'seconds': 1.5}, {'seconds': 2}]
  (run / 'run.json').write_text(json.dumps({'starts': starts}))
  assert evaluated.Evaluated.load(run).seconds == 3.5
  starts[0]['seconds'] = float('nan')
  (run / 'run.json').write_text(json.dumps({'starts': starts}))
  assert evaluated.Evaluated.load(run).seconds is None

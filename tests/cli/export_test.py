"""`export`: from a run folder to a model, and its refusals."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from deeplab_nas.config import config as config_lib
from deeplab_nas.evaluate import segmenter
from deeplab_nas.serving import saved_model
from deeplab_nas.space import genotype as genotype_lib
from deeplab_nas.train import restore as trained_lib
from tests import command
from tests.serving import tiny
from tests.train import restore_test

run = functools.partial(command.here, 'scripts/export_model.py')


def refusal(*flags):
  """The one sentence of a refused command."""
  result = run(*flags)
  assert result.returncode == 2, result.stderr
  assert result.stdout == ''
  line = result.stderr.splitlines()[-1]
  assert line.startswith('error: ') and line[-1] == '.'
  assert 'Traceback' not in result.stderr
  return line


@pytest.fixture(scope='module')
def run_dir(tmp_path_factory):
  path = tmp_path_factory.mktemp('run')
  restore_test.save(path, learning_rate=0.1)
  return path


def test_a_run_becomes_a_model(run_dir, tmp_path):
  photo = tmp_path / 'photo.jpg'
  photo.write_bytes(tiny.odd_files()['narrow'])
  base = tmp_path / 'models' / 'mine'
  result = run(
    f'--run_dir={run_dir}',
    f'--export_dir={base}',
    '--outputs=mask_png_bytes',
    '--warmup_size=17x33',
    f'--check_images={tmp_path}/*.jpg',
  )
  assert result.returncode == 0, result.stderr
  assert f'Exported {base}/1' in result.stdout
  assert '1 image, 51,000 pixels' in result.stdout
  assert f'source={base},target=/models/deeplab_nas' in result.stdout

  trained = trained_lib.load(run_dir)
  model = saved_model.load(base)
  images = tiny.photo()[np.newaxis]
  expected = segmenter.Segmenter(trained.network).probabilities(images)
  tiny.assert_most_probable(model.classes(images), expected)
  assert model.info == trained.info
  inside = base / '1' / 'assets'
  assert config_lib.load(str(inside / 'config.yaml')) == trained.config
  found = genotype_lib.Genotype.load(inside / 'genotype.json')
  assert found == trained.genotype


@pytest.mark.slow
def test_the_last_checkpoint_is_another_one(run_dir, tmp_path):
  result = run(
    f'--run_dir={run_dir}',
    f'--export_dir={tmp_path}/last',
    '--checkpoint=last',
    '--scales=0.5,1',
    '--flip',
    '--warmup_size=17x33',
  )
  assert result.returncode == 0, result.stderr
  last = trained_lib.load(run_dir, 'last').network
  images = tiny.photo()[np.newaxis]
  expected = segmenter.Segmenter(last, 1.0, (0.5, 1.0), True)
  tiny.assert_most_probable(
    saved_model.load(tmp_path / 'last').classes(images),
    expected.probabilities(tf.constant(images)),
  )


def test_mistakes_get_a_sentence(tmp_path):
  for flags, part in (
    ([], 'Say what to export with --run_dir'),
    (['--run_dir=a'], 'Say where the model goes with --export_dir'),
    (
      ['--run_dir=a', '--export_dir=b', '--warmup_size=9'],
      '--warmup_size=9 is',
    ),
    (
      ['--run_dir=a', '--export_dir=b', '--tflite', '--tflite_size=0x3'],
      '--tflite_size=0x3 is no size',
    ),
    (
      ['--run_dir=a', '--export_dir=b', '--outputs=logits'],
      "There is no output 'logits'",
    ),
    (['--run_dir=a', '--export_dir=b', '--scales=x'], '--scales=x has to be'),
    (['--run_dir=a', '--export_dir=b', '=', '3'], "Unexpected argument '='"),
  ):
    assert part in refusal(*flags)


def test_what_is_no_run_leaves_nothing(run_dir, tmp_path):
  base = tmp_path / 'base'
  assert 'missing' in refusal(
    f'--run_dir={tmp_path}/missing', f'--export_dir={base}'
  )
  assert 'names no file' in refusal(
    f'--run_dir={run_dir}',
    f'--export_dir={base}',
    f'--check_images={tmp_path}/*.jpg',
  )
  assert not base.exists()

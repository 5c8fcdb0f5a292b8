"""The examples of `--help` run as they stand, one after the other.

In one folder, where each finds what the ones before it have left. Flags are
added, or set in the example's place, that only make it small.
"""

from __future__ import annotations

import shutil

import pytest
from PIL import Image

from deeplab_nas.cli import main
from deeplab_nas.config import config as config_lib
from tests import command
from tests.data import layouts_test, tiny_folder
from tests.search.ranking import run_test as ranking_test
from tests.search.trials import studies
from tests.serving import model_server
from tests.tf1 import official

# Eight minutes: .ci/run runs its twin, the script of the checkout.
LONG = 'quickstart'
SMALL = {
  'scenes': (
    '--num_train=4',
    '--num_val=2',
    '--height=48',
    '--width=64',
  ),
  'search': (
    '--set=space.num_layers=1',
    '--set=space.num_blocks=1',
    '--set=data.crop_size=[33, 33]',
    '--set=data.batch_size=2',
    '--set=search.epochs=1',
    '--set=search.arch_start_epoch=0',
  ),
  'train': (
    '--set=train.epochs=1',
    '--set=data.crop_size=[33, 33]',
    '--set=data.batch_size=2',
  ),
  'compare-strategies': (
    '--strategies=random',
    '--budget=1s',
    '--num_searches=1',
    '--num_seeds=1',
    '--set=search.parallel_trials=1',
    '--set=space.num_layers=1',
    '--set=space.num_blocks=1',
    '--set=data.crop_size=[33, 33]',
    '--set=data.batch_size=2',
    '--set=search.trial_steps=[1]',
    '--set=train.epochs=1',
    '--set=train.steps_per_epoch=1',
  ),
  'export': ('--num_check_images=0',),
  'measure_latency': (
    '--threads=0',  # which TensorFlow, that runs already, does not change
    '--repeats=1',
    '--rounds=1',
  ),
}
DATA = (
  'scenes',
  'convert folder',
  'convert cityscapes',
  'convert voc',
  'check',
)
NETWORKS = (
  'search',
  'pick',
  'rank-correlation',
  'measure_latency',
  'train',
  'eval',
  'compare',
  'compare-strategies',
  'export',
  'predict',
  'client',
  'import-tf1',
  'doctor',
)


def run(name, replaced=()):
  """Runs the examples of a command; `replaced` are flags in place of theirs."""
  for command_name, *flags in main.load(name).examples:
    for flag in replaced:
      assert any(x.startswith(flag.partition('=')[0] + '=') for x in flags)
    small = SMALL.get(command_name, ())
    words = (*command_name.split(), *flags, *small, *replaced)
    result = command.program(*words)
    assert result.returncode == 0, (words, result.stderr)


@pytest.fixture
def folder(tmp_path, monkeypatch):
  """The working folder."""
  monkeypatch.chdir(tmp_path)
  return tmp_path


def test_those_of_every_command_are_run():
  assert set(main.COMMANDS) == {*DATA, *NETWORKS, LONG}
  assert all(main.load(name).examples for name in main.COMMANDS)


def test_those_of_data(folder):
  tiny_folder.TinyFolder(folder / 'mine', [f'image{i}' for i in range(10)])
  layouts_test.cityscapes(folder / 'cityscapes')
  lists = {'train': 'a\nb\n', 'val': 'c\n'}
  layouts_test.voc(folder / 'VOCdevkit' / 'VOC2012', lists)
  for name in DATA:
    run(name)
  for name in ('street_scenes', 'mine', 'cityscapes', 'voc2012'):
    assert (folder / f'{name}_tfrecord' / 'dataset.json').is_file()
  assert (folder / 'samples.png').is_file()


@pytest.mark.slow
def test_those_of_networks(folder):
  run('scenes')
  run('search')
  run('pick')
  some_trials(folder / 'runs' / 'random')
  run('rank-correlation')
  run('measure_latency')
  run('train')
  run('eval')
  for name in 'ab':
    shutil.copytree('runs/train', f'runs/{name}')
  run('compare')
  run('compare-strategies')
  run('export')
  scene = next(folder.glob('street_scenes/leftImg8bit/val/*/*.png'))
  (folder / 'photos').mkdir()
  shutil.copy(scene, 'photos')
  run('predict')
  assert (folder / 'predictions' / 'masks' / scene.name).is_file()
  Image.open(scene).save('photo.jpg')
  models = {'deeplab_nas': folder / 'models' / 'deeplab_nas' / '1'}
  with model_server.ModelServer(models) as at:
    run('client', [f'--server={at.rest_address}'])
  assert (folder / 'masks' / 'photo.png').is_file()
  write_released_checkpoint(folder / 'train' / 'model.ckpt-30000')
  run('import-tf1')
  run('doctor')


def some_trials(run_dir):
  """What a search by trials leaves, in the space of the searches here."""
  space = config_lib.load('runs/search/config.yaml').space.build()
  genotypes = studies.genotypes(space, 7)
  run_dir.mkdir()
  ranking_test.results(run_dir / 'candidates.json', genotypes, range(7))


def write_released_checkpoint(prefix):
  """Variables of the official code's network, as TensorFlow 1 wrote them."""
  import tensorflow as tf

  prefix.parent.mkdir()
  variables = official.variables()
  tf.raw_ops.SaveV2(
    prefix=str(prefix),
    tensor_names=list(variables),
    shape_and_slices=[''] * len(variables),
    tensors=list(variables.values()),
  )

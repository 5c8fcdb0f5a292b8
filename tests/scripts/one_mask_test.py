"""Evaluation, prediction, export and client agree on every mask."""

from __future__ import annotations

import json
import pathlib

import numpy as np
import pytest
from PIL import Image

from deeplab_nas.data import dataset_info
from deeplab_nas.evaluate import scores
from tests import command
from tests.data import tiny_folder
from tests.scripts import scenes
from tests.serving import model_server
from tests.train import records

SIZE = (40, 56)
NAMES = [f'image{i}' for i in range(10)]
SETTINGS = (
  'data.crop_size=[33, 33]',
  'data.batch_size=2',
  'data.image_scale=0.5',
  'network.filter_multiplier=2',
  'network.aspp_rates=[1, 2]',
  'network.batch_norm_momentum=0.5',
  'network.separable_head=true',
  'train.epochs=4',
  'train.steps_per_epoch=8',
  'runtime.num_panels=1',
)

pytestmark = pytest.mark.slow


def run(script, *flags):
  result = command.here(script, *flags)
  assert result.returncode == 0, result.stderr
  return result


def draw(folder):
  """Images whose brightness and colour tell the class of each patch."""
  rng = np.random.default_rng(0)
  for name in NAMES:
    label = rng.integers(0, 3, (5, 7)).repeat(8, 0).repeat(8, 1)
    image = rng.integers(0, 60, [*SIZE, 3]) + 190 * np.eye(3)[label]
    folder.image(f'{name}.png', image.astype(np.uint8))
    label[:2] = 255
    folder.mask(f'{name}.png', label.astype(np.uint8))


@pytest.fixture(scope='module')
def road(tmp_path_factory):
  """A folder with images, records, a training, and its export."""
  root = tmp_path_factory.mktemp('road')
  folder = tiny_folder.TinyFolder(root / 'folder', NAMES)
  draw(folder)
  run(
    'datasets/build_folder_data.py',
    f'--data_dir={root}/folder',
    f'--output_dir={root}/records',
    '--val_fraction=0.3',
  )
  (root / 'found.json').write_text(scenes.GENOTYPE)
  run(
    'scripts/train.py',
    '--mode=train',
    '--config=camvid_train',
    f'--genotype={root}/found.json',
    f'--data_dir={root}/records',
    f'--run_dir={root}/run',
    *(f'--set={setting}' for setting in SETTINGS),
  )
  run('scripts/train.py', '--mode=eval', f'--run_dir={root}/run')
  run(
    'scripts/export_model.py',
    f'--run_dir={root}/run',
    f'--export_dir={root}/models',
    '--outputs=classes,mask_png_bytes',
  )
  return root


def masks_in(folder):
  paths = sorted(pathlib.Path(folder).rglob('*.png'))
  return {path.stem: np.asarray(Image.open(path)) for path in paths}


@pytest.fixture(scope='module')
def predicted(road):
  """By name, from the run folder."""
  run(
    'scripts/predict.py',
    f'--model={road}/run',
    f'--images={road}/folder/images',
    f'--output_dir={road}/from_run',
  )
  masks = masks_in(road / 'from_run' / 'masks')
  assert set(masks) == set(NAMES)
  assert len(np.unique(np.stack(list(masks.values())))) > 1
  return masks


def test_the_scores_are_those_of_the_predicted_masks(road, predicted):
  record = json.loads(
    (road / 'run' / 'eval' / 'val' / 'results.json').read_text('utf-8')
  )
  info = dataset_info.DatasetInfo.load(road / 'run')
  names = records.val_names(road / 'records')
  assert record['num_images'] == len(names) == 3
  confusion = sum(
    scores.confusion_matrix(
      np.asarray(Image.open(road / 'folder' / 'masks' / f'{name}.png')),
      predicted[name],
      info.num_classes,
      info.ignore_label,
    )
    for name in names
  )
  assert record['confusion'] == confusion.tolist()
  assert record['ignored_pixels'] == 3 * 2 * SIZE[1]


def test_the_exported_model_gives_the_same_masks(road, predicted):
  run(
    'scripts/predict.py',
    f'--model={road}/models',
    f'--images={road}/folder/images',
    f'--output_dir={road}/from_export',
  )
  exported = masks_in(road / 'from_export' / 'masks')
  assert set(exported) == set(predicted)
  for name, mask in predicted.items():
    np.testing.assert_array_equal(exported[name], mask)


@pytest.mark.parametrize('protocol', ['rest', 'grpc'])
def test_the_client_gives_the_same_masks(road, predicted, protocol):
  with model_server.ModelServer({'deeplab_nas': road / 'models' / '1'}) as at:
    run(
      'scripts/serving/client.py',
      f'--server={getattr(at, protocol + "_address")}',
      f'--protocol={protocol}',
      f'--input={road}/folder/images/*',
      f'--output_dir={road}/from_{protocol}',
    )
  served = masks_in(road / f'from_{protocol}')
  assert set(served) == set(predicted)
  for name, mask in predicted.items():
    np.testing.assert_array_equal(served[name], mask)


def test_tiles_as_large_as_the_image_give_the_same_masks(road, predicted):
  run(
    'scripts/predict.py',
    f'--model={road}/models',
    f'--images={road}/folder/images',
    f'--output_dir={road}/tiled',
    '--tile=56',
    '--overlap=8',
  )
  for name, mask in masks_in(road / 'tiled' / 'masks').items():
    np.testing.assert_array_equal(mask, predicted[name])


def turned(path, orientation):
  """A photo of one of the images, stored as a camera that is held so."""
  exif = Image.Exif()
  exif[0x0112] = orientation
  image = Image.open(path)
  undo = {3: Image.ROTATE_180, 6: Image.ROTATE_90, 8: Image.ROTATE_270}
  return image.transpose(undo[orientation]), exif


def test_a_turned_photo_has_the_mask_of_the_upright_one(
  road, predicted, tmp_path
):
  expected = {}
  (tmp_path / 'photos').mkdir()
  for orientation in (3, 6, 8):
    name = NAMES[orientation]
    stored, exif = turned(road / f'folder/images/{name}.png', orientation)
    for ending in ('png', 'tif'):  # without loss
      path = tmp_path / 'photos' / f'{ending}_{orientation}.{ending}'
      stored.save(path, exif=exif)
      expected[path.stem] = predicted[name]
  photos = tmp_path / 'photos'
  found = {}
  for source in ('run', 'models'):
    result = command.here(
      'scripts/predict.py',
      f'--model={road / source}',
      f'--images={photos}',
      f'--output_dir={tmp_path / source}',
    )
    assert result.returncode == 0, result.stderr
    found[source] = masks_in(tmp_path / source / 'masks')
  with model_server.ModelServer({'deeplab_nas': road / 'models' / '1'}) as at:
    for protocol in ('rest', 'grpc'):
      result = command.here(
        'scripts/serving/client.py',
        f'--server={getattr(at, protocol + "_address")}',
        f'--protocol={protocol}',
        f'--input={photos}/*',
        f'--output_dir={tmp_path / protocol}',
      )
      assert result.returncode == 0, result.stderr
      found[protocol] = masks_in(tmp_path / protocol)
  for masks in found.values():
    assert set(masks) == set(expected)
    for name, mask in masks.items():
      np.testing.assert_array_equal(mask, expected[name])

from __future__ import annotations

import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import (
  conversion,
  dataset_info,
  input_pipeline,
  layouts,
  scan,
  shards,
)
from tests import command as command_lib
from tests.data import png, tiny_folder
from tests.data.tiny_folder import picture, stripes

ROOT = pathlib.Path(__file__).parents[2]
COLOURS = ((0, 0, 0), (200, 0, 0), (0, 0, 200))
COLOURED = 'sky 0 0 0\nroad 200 0 0\ncar 0 0 200\n'


def convert(source, output, **options):
  options = {'workers': 1, 'num_shards': 2, **options}
  return conversion.convert(source, conversion.Output(str(output), **options))


def contents(directory) -> dict[str, bytes]:
  return {
    path.name: path.read_bytes()
    for path in sorted(pathlib.Path(directory).iterdir())
    if path.is_file()
  }


def read_back(output, info) -> dict[str, tuple]:
  """Image and label by name, from all splits."""
  found = {}
  for split in info.splits:
    config = input_pipeline.PipelineConfig(batch_size=1)
    dataset = input_pipeline.eval_dataset(output, split, info, config)
    names = input_pipeline.file_names(output, split)
    for name, (image, label) in zip(names, dataset):
      found[name] = (image[0].numpy(), label[0].numpy())
  return found


@pytest.fixture
def folder(tmp_path):
  return tiny_folder.TinyFolder(tmp_path / 'data')


def test_records_hold_the_source_pixels(folder, tmp_path):
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  found = read_back(tmp_path / 'out', info)
  assert sorted(found) == list('abcd')
  for seed, name in enumerate('abcd'):
    image, label = found[name]
    np.testing.assert_array_equal(image, picture(seed))
    np.testing.assert_array_equal(label, stripes())


def test_dataset_json_tells_the_counts(folder, tmp_path):
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  assert info == dataset_info.DatasetInfo.load(tmp_path / 'out')
  assert info.class_names == ('sky', 'road', 'car')
  train = info.splits['train']
  assert (train.num_examples, info.splits['val'].num_examples) == (3, 1)
  assert train.num_shards == 2
  assert train.class_pixels == (3 * 48, 3 * 48, 3 * 48)
  assert train.ignored_pixels == 3 * 48
  assert train.max_size == train.min_size == (12, 16)


def test_mean_pixel_is_that_of_the_training_images(folder, tmp_path):
  folder.write('train.txt', 'a\nc\n')
  folder.write('val.txt', 'b\nd\n')
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  expected = np.mean([picture(0), picture(2)], axis=(0, 1, 2))
  np.testing.assert_allclose(info.mean_pixel, expected, atol=1e-3)


@pytest.mark.parametrize('workers', [2, 3])
def test_worker_processes_give_the_same_bytes(workers, folder, tmp_path):
  folder.remove('images/b.png')
  folder.image('b.bmp', picture(1))  # does not go into a record as it is
  source = layouts.folder(folder.root)
  convert(source, tmp_path / 'one', workers=1)
  convert(source, tmp_path / 'more', workers=workers)
  assert contents(tmp_path / 'one') == contents(tmp_path / 'more')


def test_a_worker_that_dies_leaves_the_old_shards(
  folder, tmp_path, monkeypatch
):
  output = tmp_path / 'out'
  convert(layouts.folder(folder.root), output)
  before = contents(output)
  folder.mask('a.png', stripes((0, 1)))
  monkeypatch.setattr(scan, '_read_without_kept', tiny_folder.die)
  with pytest.raises(errors.UserError, match='worker process was killed'):
    convert(layouts.folder(folder.root), output, workers=2)
  assert contents(output) == before
  assert not list(output.glob('.conversion/*.part'))


def test_rerun_keeps_shards_and_redoes_only_what_changed(folder, tmp_path):
  output = tmp_path / 'out'
  convert(layouts.folder(folder.root), output)
  before = {p.name: p.stat().st_mtime_ns for p in output.glob('*.tfrecord')}
  convert(layouts.folder(folder.root), output)
  after = {p.name: p.stat().st_mtime_ns for p in output.glob('*.tfrecord')}
  assert after == before
  folder.mask('a.png', stripes((0, 1)))
  convert(layouts.folder(folder.root), output)
  after = {p.name: p.stat().st_mtime_ns for p in output.glob('*.tfrecord')}
  changed = [name for name in before if after[name] != before[name]]
  assert len(changed) == 1


def test_new_map_changes_all_shards(folder, tmp_path):
  convert(layouts.folder(folder.root), tmp_path / 'out')
  options = layouts.MaskOptions(mapping='2:1')
  info = convert(layouts.folder(folder.root, options=options), tmp_path / 'out')
  assert info.splits['train'].class_pixels == (3 * 48, 6 * 48, 0)


def test_refused_change_leaves_the_old_shards(folder, tmp_path):
  output = tmp_path / 'out'
  convert(layouts.folder(folder.root), output)
  before = contents(output)
  folder.mask('a.png', stripes((0, 77)))
  with pytest.raises(errors.UserError, match='77'):
    convert(layouts.folder(folder.root), output)
  assert contents(output) == before


def test_damaged_final_shard_is_written_again(folder, tmp_path):
  output = tmp_path / 'out'
  convert(layouts.folder(folder.root), output)
  before = contents(output)
  shard = output / 'val-00000-of-00001.tfrecord'
  shard.write_bytes(shard.read_bytes()[:-9])
  convert(layouts.folder(folder.root), output)
  assert contents(output) == before


def test_output_of_another_dataset_is_refused(folder, tmp_path):
  output = tmp_path / 'out'
  convert(layouts.folder(folder.root), output)
  before = contents(output)
  other = tiny_folder.TinyFolder(tmp_path / 'other', 'xyz')
  with pytest.raises(errors.UserError, match='pass --overwrite'):
    convert(layouts.folder(other.root), output)
  assert contents(output) == before
  convert(layouts.folder(other.root), output, overwrite=True, num_shards=1)
  assert sorted(contents(output)) == [
    'dataset.json',
    'train-00000-of-00001.tfrecord',
    'val-00000-of-00001.tfrecord',
  ]


def test_shards_of_other_programs_are_refused(folder, tmp_path):
  output = tmp_path / 'out'
  output.mkdir()
  (output / 'val-00000-of-00001.tfrecord').write_bytes(b'precious')
  with pytest.raises(errors.UserError, match='another program'):
    convert(layouts.folder(folder.root), output)
  assert contents(output) == {'val-00000-of-00001.tfrecord': b'precious'}


def test_overwrite_refused_by_bad_data_keeps_the_old_shards(folder, tmp_path):
  output = tmp_path / 'out'
  convert(layouts.folder(folder.root), output)
  before = contents(output)
  other = tiny_folder.TinyFolder(tmp_path / 'other', 'xyz')
  other.mask('x.png', stripes((0, 77)))
  with pytest.raises(errors.UserError, match='77'):
    convert(layouts.folder(other.root), output, overwrite=True)
  assert contents(output) == before


def test_output_that_is_a_file_is_refused(folder, tmp_path):
  (tmp_path / 'out').write_text('')
  with pytest.raises(errors.UserError, match='out cannot be written'):
    convert(layouts.folder(folder.root), tmp_path / 'out')


def test_output_below_a_file_is_refused(folder, tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(errors.UserError, match='cannot be written'):
    convert(layouts.folder(folder.root), tmp_path / 'file' / 'out')


def _stop_during_conversion(command, output, sign) -> tuple[int, str]:
  """Starts a conversion and stops it when the first shard is finished."""
  process = subprocess.Popen(
    command_lib.deaf_to_nothing(command),
    env={**os.environ, 'PYTHONPATH': str(ROOT)},
    stderr=subprocess.PIPE,
    text=True,
  )
  deadline = time.time() + 60
  while not list(output.glob('.conversion/*.tfrecord')):
    assert time.time() < deadline and process.poll() is None
    time.sleep(0.002)
  process.send_signal(sign)
  _, text = process.communicate()
  return process.returncode, text


@pytest.mark.parametrize(
  ('sign', 'workers', 'code'),
  [(signal.SIGKILL, 1, -signal.SIGKILL), (signal.SIGINT, 2, 130)],
)
def test_a_stop_leaves_no_half_shard_and_rerun_completes(
  sign, workers, code, tmp_path
):
  names = [f'image{index:03d}' for index in range(60)]
  folder = tiny_folder.TinyFolder(tmp_path / 'data', names)
  for seed, name in enumerate(names):
    folder.image(f'{name}.png', picture(seed, (200, 300)))
    folder.mask(f'{name}.png', stripes(size=(200, 300)))
  output = tmp_path / 'out'
  command = [
    sys.executable,
    str(ROOT / 'datasets' / 'build_folder_data.py'),
    f'--data_dir={folder.root}',
    f'--output_dir={output}',
    '--num_shards=24',
    f'--workers={workers}',
  ]
  returned, text = _stop_during_conversion(command, output, sign)
  assert returned == code
  if sign == signal.SIGINT:
    assert text.splitlines()[-1] == 'error: interrupted.'
    assert 'Traceback' not in text
    assert not list(output.glob('.conversion/*.part'))
  assert not list(output.glob('*.tfrecord'))
  assert not (output / 'dataset.json').exists()
  kept = list(output.glob('.conversion/*.tfrecord'))
  assert kept
  for shard in kept:
    shards.count_records(shard)  # raises on a half one
  source = layouts.folder(folder.root)
  convert(source, output, num_shards=24)
  convert(source, tmp_path / 'undisturbed', num_shards=24)
  assert contents(output) == contents(tmp_path / 'undisturbed')
  assert not list(output.glob('.conversion/*.part'))


ODD_IMAGES = {
  'grey': lambda: Image.fromarray(picture()[..., 0]),
  'bilevel': lambda: Image.fromarray(stripes((0, 255))).convert('1'),
  'palette': lambda: Image.fromarray(picture()).quantize(16),
  'rgba': lambda: Image.fromarray(picture()).convert('RGBA'),
  'grey_alpha': lambda: Image.fromarray(picture()).convert('LA'),
}


@pytest.mark.parametrize('kind', ODD_IMAGES)
def test_odd_png_images_become_rgb(kind, folder, tmp_path):
  image = ODD_IMAGES[kind]()
  folder.image('a.png', image)
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  found, _ = read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, np.asarray(image.convert('RGB')))


@pytest.mark.parametrize('ending', ['bmp', 'tif', 'ppm', 'gif', 'PNG'])
def test_other_image_formats_are_converted(ending, folder, tmp_path):
  folder.remove('images/a.png')
  image = Image.fromarray(picture())
  folder.image(f'a.{ending}', image)
  reread = Image.open(folder.root / f'images/a.{ending}').convert('RGB')
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  found, _ = read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, np.asarray(reread))


def test_cmyk_jpeg_becomes_rgb(folder, tmp_path):
  folder.remove('images/a.png')
  grey = Image.new('RGB', (16, 12), (100, 150, 200))
  folder.image('a.JPEG', grey.convert('CMYK'), quality=100)
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  found, _ = read_back(tmp_path / 'out', info)['a']
  np.testing.assert_allclose(found, np.asarray(grey), atol=4)


def test_contents_of_jpeg_and_png_are_kept(folder, tmp_path):
  folder.remove('images/a.png')
  paths = [
    folder.image('a.jpg', picture()),
    folder.image('b.png', picture(), compress_level=1),
    folder.mask('b.png', stripes(), compress_level=0),
  ]
  convert(layouts.folder(folder.root), tmp_path / 'out')
  records = b''.join(contents(tmp_path / 'out').values())
  for path in paths:
    assert path.read_bytes() in records


@pytest.mark.parametrize('workers', [1, 2])
@pytest.mark.parametrize('kind', ['images', 'masks'])
def test_damage_that_pillow_overlooks_is_refused(
  kind, workers, folder, tmp_path
):
  path = folder.root / kind / 'a.png'
  contents = path.read_bytes()
  needed = png.chunk(b'ABCD', b'no program knows it')
  path.write_bytes(contents[:33] + needed + contents[33:])
  with pytest.raises(errors.UserError, match=f'{kind}/a.png is damaged'):
    convert(layouts.folder(folder.root), tmp_path / 'out', workers=workers)
  assert not list((tmp_path / 'out').glob('*.tfrecord'))


MASKS = {
  'index': (stripes, ''),
  'bilevel': (lambda: Image.fromarray(stripes((0, 255))).convert('1'), ''),
  'deep': (lambda: stripes().astype(np.uint16), ''),
  'palette': (lambda: tiny_folder.palette_mask(stripes(), COLOURS), ''),
  'grey_rgb': (lambda: np.dstack([stripes()] * 3), ''),
  'opaque_rgba': (
    lambda: np.dstack([stripes()] * 3 + [np.full([12, 16], 255, np.uint8)]),
    '',
  ),
  'rgb': (lambda: np.array(COLOURS, np.uint8)[stripes((0, 1, 2))], COLOURED),
  'renumbered_palette': (
    lambda: tiny_folder.palette_mask(
      stripes((2, 0, 1)), (COLOURS[1], COLOURS[2], COLOURS[0])
    ),
    COLOURED,
  ),
  'index_with_colours': (lambda: stripes((0, 1, 2)), COLOURED),
}
EXPECTED = {
  'bilevel': stripes((0, 1)),
  'rgb': stripes((0, 1, 2)),
  'renumbered_palette': stripes((0, 1, 2)),
  'index_with_colours': stripes((0, 1, 2)),
}


@pytest.mark.parametrize('kind', MASKS)
def test_masks_of_every_kind_become_indices(kind, folder, tmp_path):
  mask, labels = MASKS[kind]
  folder.mask('a.png', mask())
  if labels:
    folder.write('labels.txt', labels)
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  _, found = read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, EXPECTED.get(kind, stripes()))


def test_unknown_colour_is_named(folder, tmp_path):
  folder.write('labels.txt', COLOURED)
  pixels = np.array([*COLOURS, (9, 9, 9)], np.uint8)[stripes((0, 1, 3))]
  folder.mask('a.png', pixels)
  with pytest.raises(errors.UserError, match='--map=#090909:ignore'):
    convert(layouts.folder(folder.root), tmp_path / 'out')
  options = layouts.MaskOptions(mapping='#090909:ignore')
  source = layouts.folder(folder.root, options=options)
  info = convert(source, tmp_path / 'out')
  _, found = read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, stripes((0, 1, 255)))


def test_binary_masks_pass_when_the_map_says_that_255_is_a_class(
  folder, tmp_path
):
  for name in 'abcd':
    folder.mask(f'{name}.png', stripes((0, 255)))
  source = layouts.folder(folder.root, options=layouts.MaskOptions('255:1'))
  info = convert(source, tmp_path / 'out')
  assert info.splits['train'].class_pixels == (3 * 96, 3 * 96, 0)
  # Without it there is a single class, which is right for every pixel.
  source = layouts.folder(
    folder.root, options=layouts.MaskOptions('255:ignore')
  )
  with pytest.raises(errors.UserError, match='nothing can be learnt'):
    convert(source, tmp_path / 'none')


@pytest.mark.parametrize('orientation', [5, 6, 7, 8])
def test_exif_rotation_follows_the_mask(orientation, folder, tmp_path):
  exif = Image.Exif()
  exif[0x0112] = orientation
  stored = Image.fromarray(np.repeat(np.repeat(picture(), 8, 0), 8, 1))
  for name in 'ab':
    folder.remove(f'images/{name}.png')
    folder.image(f'{name}.jpg', stored, exif=exif, quality=100)
  folder.mask('a.png', stripes(size=(128, 96)))  # turned
  folder.mask('b.png', stripes(size=(96, 128)))  # as stored
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  found = read_back(tmp_path / 'out', info)
  turn = {
    5: lambda x: x.transpose(1, 0, 2),
    6: lambda x: np.rot90(x, -1),
    7: lambda x: np.rot90(x, 2).transpose(1, 0, 2),
    8: lambda x: np.rot90(x, 1),
  }[orientation]
  pixels = np.asarray(Image.open(folder.root / 'images/a.jpg'))
  np.testing.assert_array_equal(found['a'][0], turn(pixels))
  np.testing.assert_array_equal(found['b'][0], turn(pixels))
  label = stripes(size=(96, 128))
  expected = turn(np.repeat(label[..., None], 3, -1))[..., 0]
  np.testing.assert_array_equal(found['b'][1], expected)


def test_odd_names_and_nested_folders(folder, tmp_path):
  names = ['with space', 'käse', 'deep/er/x', 'a.b.c']
  for seed, name in enumerate(names):
    folder.image(f'{name}.PNG', picture(seed))
    folder.mask(f'{name}.png', stripes())
  folder.write('images/.DS_Store', b'x')
  folder.write('images/notes.txt', b'x')
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  assert set(read_back(tmp_path / 'out', info)) == {*'abcd', *names}


def test_linked_folders_are_followed(folder, tmp_path):
  linked = tmp_path / 'linked'
  linked.mkdir()
  for name in ('images', 'masks', 'labels.txt'):
    os.symlink(folder.root / name, linked / name)
  os.symlink(folder.root / 'images', folder.root / 'images' / 'loop')
  info = convert(layouts.folder(linked), tmp_path / 'out')
  assert sum(s.num_examples for s in info.splits.values()) == 4


def test_links_out_of_the_folder_are_refused(folder, tmp_path):
  other = tiny_folder.TinyFolder(tmp_path / 'other', 'z')
  for kind in ('images', 'masks'):
    os.symlink(other.root / kind, folder.root / kind / 'linked')
  with pytest.raises(errors.UserError) as caught:
    layouts.folder(folder.root)
  assert 'images/linked/z.png is a link out of its folder' in str(caught.value)
  assert '--follow_links' in str(caught.value)
  options = layouts.MaskOptions(follow_links=True)
  info = convert(layouts.folder(folder.root, options=options), tmp_path / 'out')
  assert sum(s.num_examples for s in info.splits.values()) == 5


def test_large_images_are_refused(folder, tmp_path):
  source = layouts.folder(folder.root)
  source = dataclasses.replace(source, max_pixels=12 * 16 - 1)
  for workers in (1, 2):
    with pytest.raises(errors.UserError, match='images/a.png has 16 x 12 pix'):
      convert(source, tmp_path / 'out', workers=workers)


def test_class_that_never_occurs_is_warned_of(folder, tmp_path, caplog):
  folder.write('labels.txt', 'sky\nroad\ncar\nunicorn\n')
  convert(layouts.folder(folder.root), tmp_path / 'out')
  assert 'unicorn (3)' in caplog.text


def test_test_split_needs_no_masks(folder, tmp_path):
  folder.write('train.txt', 'a\n')
  folder.write('val.txt', 'b\n')
  folder.write('test.txt', 'c\n')
  folder.remove('masks/c.png')
  info = convert(layouts.folder(folder.root), tmp_path / 'out')
  image, label = read_back(tmp_path / 'out', info)['c']
  np.testing.assert_array_equal(image, picture(2))
  assert (label == 255).all()


def test_masks_that_count_from_one_are_shifted_by_the_suggested_map(
  folder, tmp_path
):
  for name in 'abcd':
    folder.mask(f'{name}.png', stripes((0, 1, 2, 3)))
  suggestion = '0:ignore,1:0,2:1,3:2'
  with pytest.raises(errors.UserError, match=f'--map={suggestion}'):
    convert(layouts.folder(folder.root), tmp_path / 'out')
  options = layouts.MaskOptions(mapping=suggestion)
  source = layouts.folder(folder.root, options=options)
  info = convert(source, tmp_path / 'out')
  _, found = read_back(tmp_path / 'out', info)['a']
  np.testing.assert_array_equal(found, stripes((255, 0, 1, 2)))

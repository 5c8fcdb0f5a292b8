from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from deeplab_nas import errors
from deeplab_nas.data import (
  checked_pair,
  dataset_info,
  layouts,
  shards,
)
from tests import command as command_lib
from tests.data import converted, tiny_folder
from tests.data.tiny_folder import picture, stripes

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def folder(tmp_path):
  return tiny_folder.TinyFolder(tmp_path / 'data')


def test_records_hold_the_source_pixels(folder, tmp_path):
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  found = converted.read_back(tmp_path / 'out', info)
  assert sorted(found) == list('abcd')
  for seed, name in enumerate('abcd'):
    image, label = found[name]
    np.testing.assert_array_equal(image, picture(seed))
    np.testing.assert_array_equal(label, stripes())


def test_dataset_json_tells_the_counts(folder, tmp_path):
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
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
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  expected = np.mean([picture(0), picture(2)], axis=(0, 1, 2))
  np.testing.assert_allclose(info.mean_pixel, expected, atol=1e-3)


@pytest.mark.parametrize('workers', [2, 3])
def test_worker_processes_give_the_same_bytes(workers, folder, tmp_path):
  folder.remove('images/b.png')
  folder.image('b.bmp', picture(1))  # does not go into a record as it is
  source = layouts.folder(folder.root)
  converted.convert(source, tmp_path / 'one', workers=1)
  converted.convert(source, tmp_path / 'more', workers=workers)
  assert converted.contents(tmp_path / 'one') == converted.contents(
    tmp_path / 'more'
  )


def test_a_worker_that_dies_leaves_the_old_shards(
  folder, tmp_path, monkeypatch
):
  output = tmp_path / 'out'
  converted.convert(layouts.folder(folder.root), output)
  before = converted.contents(output)
  folder.mask('a.png', stripes((0, 1)))
  monkeypatch.setattr(checked_pair, 'read_without_kept', tiny_folder.die)
  with pytest.raises(errors.UserError, match='worker process was killed'):
    converted.convert(layouts.folder(folder.root), output, workers=2)
  assert converted.contents(output) == before
  assert not list(output.glob('.conversion/*.part'))


def test_rerun_keeps_shards_and_redoes_only_what_changed(folder, tmp_path):
  output = tmp_path / 'out'
  converted.convert(layouts.folder(folder.root), output)
  before = {p.name: p.stat().st_mtime_ns for p in output.glob('*.tfrecord')}
  converted.convert(layouts.folder(folder.root), output)
  after = {p.name: p.stat().st_mtime_ns for p in output.glob('*.tfrecord')}
  assert after == before
  folder.mask('a.png', stripes((0, 1)))
  converted.convert(layouts.folder(folder.root), output)
  after = {p.name: p.stat().st_mtime_ns for p in output.glob('*.tfrecord')}
  changed = [name for name in before if after[name] != before[name]]
  assert len(changed) == 1


def test_new_map_changes_all_shards(folder, tmp_path):
  converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  options = layouts.MaskOptions(mapping='2:1')
  info = converted.convert(
    layouts.folder(folder.root, options=options), tmp_path / 'out'
  )
  assert info.splits['train'].class_pixels == (3 * 48, 6 * 48, 0)


def test_refused_change_leaves_the_old_shards(folder, tmp_path):
  output = tmp_path / 'out'
  converted.convert(layouts.folder(folder.root), output)
  before = converted.contents(output)
  folder.mask('a.png', stripes((0, 77)))
  with pytest.raises(errors.UserError, match='77'):
    converted.convert(layouts.folder(folder.root), output)
  assert converted.contents(output) == before


def test_damaged_final_shard_is_written_again(folder, tmp_path):
  output = tmp_path / 'out'
  converted.convert(layouts.folder(folder.root), output)
  before = converted.contents(output)
  shard = output / 'val-00000-of-00001.tfrecord'
  shard.write_bytes(shard.read_bytes()[:-9])
  converted.convert(layouts.folder(folder.root), output)
  assert converted.contents(output) == before


def test_output_of_another_dataset_is_refused(folder, tmp_path):
  output = tmp_path / 'out'
  converted.convert(layouts.folder(folder.root), output)
  before = converted.contents(output)
  other = tiny_folder.TinyFolder(tmp_path / 'other', 'xyz')
  with pytest.raises(errors.UserError, match='pass --overwrite'):
    converted.convert(layouts.folder(other.root), output)
  assert converted.contents(output) == before
  converted.convert(
    layouts.folder(other.root), output, overwrite=True, num_shards=1
  )
  assert sorted(converted.contents(output)) == [
    'dataset.json',
    'train-00000-of-00001.tfrecord',
    'val-00000-of-00001.tfrecord',
  ]


def test_shards_of_other_programs_are_refused(folder, tmp_path):
  output = tmp_path / 'out'
  output.mkdir()
  (output / 'val-00000-of-00001.tfrecord').write_bytes(b'precious')
  with pytest.raises(errors.UserError, match='another program'):
    converted.convert(layouts.folder(folder.root), output)
  assert converted.contents(output) == {
    'val-00000-of-00001.tfrecord': b'precious'
  }


def test_overwrite_refused_by_bad_data_keeps_the_old_shards(folder, tmp_path):
  output = tmp_path / 'out'
  converted.convert(layouts.folder(folder.root), output)
  before = converted.contents(output)
  other = tiny_folder.TinyFolder(tmp_path / 'other', 'xyz')
  other.mask('x.png', stripes((0, 77)))
  with pytest.raises(errors.UserError, match='77'):
    converted.convert(layouts.folder(other.root), output, overwrite=True)
  assert converted.contents(output) == before


def test_output_that_is_a_file_is_refused(folder, tmp_path):
  (tmp_path / 'out').write_text('')
  with pytest.raises(errors.UserError, match='out cannot be written'):
    converted.convert(layouts.folder(folder.root), tmp_path / 'out')


def test_output_below_a_file_is_refused(folder, tmp_path):
  (tmp_path / 'file').write_text('')
  with pytest.raises(errors.UserError, match='cannot be written'):
    converted.convert(layouts.folder(folder.root), tmp_path / 'file' / 'out')


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
  converted.convert(source, output, num_shards=24)
  converted.convert(source, tmp_path / 'undisturbed', num_shards=24)
  assert converted.contents(output) == converted.contents(
    tmp_path / 'undisturbed'
  )
  assert not list(output.glob('.conversion/*.part'))


def test_odd_names_and_nested_folders(folder, tmp_path):
  names = ['with space', 'käse', 'deep/er/x', 'a.b.c']
  for seed, name in enumerate(names):
    folder.image(f'{name}.PNG', picture(seed))
    folder.mask(f'{name}.png', stripes())
  folder.write('images/.DS_Store', b'x')
  folder.write('images/notes.txt', b'x')
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  assert set(converted.read_back(tmp_path / 'out', info)) == {*'abcd', *names}


def test_linked_folders_are_followed(folder, tmp_path):
  linked = tmp_path / 'linked'
  linked.mkdir()
  for name in ('images', 'masks', 'labels.txt'):
    os.symlink(folder.root / name, linked / name)
  os.symlink(folder.root / 'images', folder.root / 'images' / 'loop')
  info = converted.convert(layouts.folder(linked), tmp_path / 'out')
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
  info = converted.convert(
    layouts.folder(folder.root, options=options), tmp_path / 'out'
  )
  assert sum(s.num_examples for s in info.splits.values()) == 5


def test_class_that_never_occurs_is_warned_of(folder, tmp_path, caplog):
  folder.write('labels.txt', 'sky\nroad\ncar\nunicorn\n')
  converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  assert 'unicorn (3)' in caplog.text


def test_test_split_needs_no_masks(folder, tmp_path):
  folder.write('train.txt', 'a\n')
  folder.write('val.txt', 'b\n')
  folder.write('test.txt', 'c\n')
  folder.remove('masks/c.png')
  info = converted.convert(layouts.folder(folder.root), tmp_path / 'out')
  image, label = converted.read_back(tmp_path / 'out', info)['c']
  np.testing.assert_array_equal(image, picture(2))
  assert (label == 255).all()

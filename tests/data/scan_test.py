from __future__ import annotations

import concurrent.futures
import dataclasses
import io
import os
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import layouts, mask_rules, orientation, scan
from deeplab_nas.data import pairs as pairs_lib
from tests.data import tiny_folder


@pytest.fixture
def source(tmp_path):
  names = [f'n{index:02d}' for index in range(20)]
  return layouts.folder(tiny_folder.TinyFolder(tmp_path, names).root)


def test_processes_give_what_one_process_gives_in_order(source):
  pairs = source.splits['train']
  with scan.reader(source.rules, len(pairs), workers=1) as read:
    alone = list(read(pairs))
  with scan.reader(source.rules, len(pairs), workers=2) as read:
    together = list(read(pairs))
  assert alone == together
  assert [example.pair for example in alone] == list(pairs)


def test_kept_files_come_back_as_they_were(source):
  pairs = source.splits['train'][:2]
  with scan.reader(source.rules, len(pairs), workers=2) as read:
    for pair, example in zip(pairs, read(pairs)):
      with open(pair.image, 'rb') as image, open(pair.mask, 'rb') as mask:
        assert example.image.encoded == image.read()
        assert example.label == mask.read() and example.is_label_kept


def test_a_file_that_changes_meanwhile_is_refused(source):
  pair = source.splits['train'][0]
  example = scan._read_without_kept(pair, source.rules, 10**6)
  os.utime(pair.image, ns=(1, 1))
  with pytest.raises(errors.UserError, match='has changed while it was read'):
    scan._with_kept(example)


def test_few_items_are_under_way():
  started = []
  with concurrent.futures.ThreadPoolExecutor(2) as executor:
    results = scan.map_in_order(executor, started.append, range(9), ahead=3)
    executor.submit(int).result()
    assert set(started) <= {0, 1, 2}
    assert len([next(results), next(results)]) == 2
    executor.submit(int).result()
    assert max(started) <= 4
    assert len(list(results)) == 7
  assert sorted(started) == list(range(9))


def test_more_are_under_way_where_files_are_kept_and_small(source, tmp_path):
  kept = source.splits['train']
  large = tmp_path / 'large.png'
  with open(large, 'wb') as file:
    file.truncate(2**27)
  others = [dataclasses.replace(kept[0], image=str(tmp_path / 'a.tif'))]
  huge = [*kept[:3], dataclasses.replace(kept[0], image=str(large))]
  assert scan._ahead(kept, 2) > 32
  assert scan._ahead(others, 2) == scan._ahead(huge, 2) == 8


def test_the_number_of_workers_follows_cores_and_pairs():
  assert scan.num_workers(1000, 3) == 3
  assert scan.num_workers(9) == 1
  assert 1 <= scan.num_workers(10**6) <= (os.cpu_count() or 1)


def test_negative_number_of_workers_is_refused(source):
  reader = scan.reader(source.rules, 1, workers=-1)
  with pytest.raises(errors.UserError, match='--workers=-1'):
    reader.__enter__()


def test_killed_worker_is_explained(source):
  pairs = source.splits['train']

  def read_all():
    with scan.reader(_KillingRules(3), len(pairs), workers=2) as read:
      return list(read(pairs))

  with pytest.raises(errors.UserError, match='worker process was killed'):
    read_all()


def test_workers_do_without_tensorflow():
  code = (
    'import sys, deeplab_nas.data.scan, deeplab_nas.data.conversion;'
    ' sys.exit("tensorflow" in sys.modules)'
  )
  assert subprocess.run([sys.executable, '-c', code]).returncode == 0


class _KillingRules:
  """Ends the process that uses it, as the kernel does when memory is short."""

  def __init__(self, num_classes: int):
    self.num_classes = num_classes

  @property
  def colors(self):
    os._exit(9)

  @property
  def values(self):
    os._exit(9)


def _saved(path, pixels, how: int) -> str:
  exif = Image.Exif()
  exif[0x0112] = how
  Image.fromarray(pixels).save(path, exif=exif)
  return str(path)


@pytest.mark.parametrize('ending', ['png', 'tif'])
@pytest.mark.parametrize('how', range(1, 9))
def test_image_and_mask_with_one_note_are_turned_alike(ending, how, tmp_path):
  pair = pairs_lib.Pair(
    'a',
    _saved(tmp_path / 'image.tif', tiny_folder.picture(), how),
    _saved(tmp_path / f'mask.{ending}', tiny_folder.stripes(), how),
  )
  example = scan.read_pair(pair, mask_rules.MaskRules(3))
  assert not example.problems
  found = np.asarray(Image.open(io.BytesIO(example.label)))
  label = Image.fromarray(tiny_folder.stripes())
  np.testing.assert_array_equal(found, orientation.turned(label, how))
  image = np.asarray(Image.open(io.BytesIO(example.image.encoded)))
  stored = Image.fromarray(tiny_folder.picture())
  np.testing.assert_array_equal(image, orientation.turned(stored, how))


@pytest.mark.parametrize('ending', ['jpg', 'png', 'tif'])
@pytest.mark.parametrize('shape', [(12, 16), (16, 12)])
def test_a_mask_without_a_note_is_laid_on_the_upright_image(
  ending, shape, tmp_path
):
  # Drawn on the stored pixels, or in a program that turns the photo first.
  image = _saved(tmp_path / f'image.{ending}', tiny_folder.picture(), 6)
  mask = tiny_folder.stripes(size=shape)
  pair = pairs_lib.Pair('a', image, _saved(tmp_path / 'mask.png', mask, 1))
  example = scan.read_pair(pair, mask_rules.MaskRules(3))
  assert not example.problems and example.image.size == (16, 12)
  found = np.asarray(Image.open(io.BytesIO(example.label)))
  how = 6 if shape == (12, 16) else 1
  expected = orientation.turned(Image.fromarray(mask), how)
  np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize('notes', [(3, 1), (1, 3), (2, 4), (6, 8)])
def test_what_sizes_cannot_tell_is_refused(notes, tmp_path):
  pair = pairs_lib.Pair(
    'a',
    _saved(tmp_path / 'image.tif', tiny_folder.picture(), notes[0]),
    _saved(tmp_path / 'mask.png', tiny_folder.stripes(), notes[1]),
  )
  (problem,) = scan.read_pair(pair, mask_rules.MaskRules(3)).problems
  for path, value in ((pair.image, notes[0]), (pair.mask, notes[1])):
    said = f'{path} carries EXIF orientation {value}'
    assert (said in problem) == (value > 1)


def test_an_image_without_a_mask_is_turned(tmp_path):
  image = _saved(tmp_path / 'image.jpg', tiny_folder.picture(), 8)
  pair = pairs_lib.Pair('a', image, None)
  example = scan.read_pair(pair, mask_rules.MaskRules(3))
  assert not example.problems and example.image.size == (16, 12)

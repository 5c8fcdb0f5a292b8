from __future__ import annotations

import os
import unicodedata

import pytest

from deeplab_nas import errors
from deeplab_nas.data import pairs


def make(directory, *names):
  for name in names:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'x')


def some(count: int):
  return [pairs.Pair(f'n{i:03d}', f'i/{i}', f'm/{i}') for i in range(count)]


def test_files_are_found_by_name_in_nested_folders(tmp_path):
  make(tmp_path, 'b.JPG', 'a.png', 'sub/c.d.jpeg', '.hidden.png', '.dir/e.png')
  make(tmp_path, '__MACOSX/a.png', '@eaDir/a.png', '$RECYCLE.BIN/f.png')
  make(tmp_path, 'sub/lost+found/g.png', '~$b.png')
  assert list(pairs.files_by_name(tmp_path)) == ['a', 'b', 'sub/c.d']


def test_suffix_is_cut_off(tmp_path):
  make(tmp_path, 'a_seg.png', 'b_seg.png', 'a_color.png')
  assert list(pairs.files_by_name(tmp_path, '_seg')) == ['a', 'b']


def test_names_are_compared_in_one_unicode_form(tmp_path):
  make(tmp_path, unicodedata.normalize('NFD', 'käse.png'))
  assert list(pairs.files_by_name(tmp_path)) == ['käse']


def test_names_that_are_no_text_are_refused(tmp_path):
  path = os.path.join(os.fsencode(tmp_path), b'\xff.png')
  with open(path, 'wb') as file:
    file.write(b'x')
  with pytest.raises(errors.UserError, match='not UTF-8'):
    pairs.files_by_name(tmp_path)


@pytest.mark.parametrize(
  'line',
  [
    'a',
    'a.png',
    'images/a',
    'images/a.jpg',
    '/images/a.jpg',
    ' a ',
    './a.png',
    './images/a.png',
    '.\\images\\a.png',
    './/a',
    'b/../a',
    '/home/me/set/masks/a.png',
    'images/a.png,masks/a.png',
    'a.png;1',
    'C:\\data\\images\\a.png',
    '/home/me/set/images/a.jpeg',
    '/images/a.jpg /masks/a.png',
    'a.jpg\ta.png',
    'a 1',
    'a -1',
  ],
)
def test_lists_may_spell_names_in_many_ways(line, tmp_path):
  path = tmp_path / 'train.txt'
  path.write_text(f'\r\n{line}\r\n', encoding='utf-8-sig')
  pair = pairs.Pair('a', 'i', 'm')
  names = pairs.read_list(path)
  assert pairs.select(path, names, {'a': pair}, tmp_path) == (pair,)


@pytest.mark.parametrize('line', ['a,b', 'a.png b.png', 'a 1 b'])
def test_two_images_in_one_line_of_a_list_are_refused(line, tmp_path):
  found = {name: pairs.Pair(name, name, None) for name in 'ab'}
  with pytest.raises(errors.UserError, match='names a and b in one line'):
    pairs.select(tmp_path / 'train.txt', [line], found, tmp_path)


@pytest.mark.parametrize(
  'line',
  [
    '{root}/data/left/a.jpg',
    '{root}/data/left/a',
    'left/a.jpg',
    '{root}/data/right/a.png',
    'right/a.png',
    '../data/left/a.jpg',
    './left/a.jpg',
    '{root}/data/../data/left/a.jpg',
  ],
)
def test_lists_may_hold_paths_of_images_and_masks(line, tmp_path):
  data = tmp_path / 'data'
  files = [str(data / name) for name in ('left/a.jpg', 'right/a.png')]
  pair = pairs.Pair('2020/a', *files)
  names = [line.format(root=tmp_path)]
  path = data / 'train.txt'
  assert pairs.select(path, names, {pair.name: pair}, data) == (pair,)


def test_missing_list_tells_which_there_are(tmp_path):
  make(tmp_path, 'trainval.txt')
  with pytest.raises(errors.UserError, match='there are: trainval.txt'):
    pairs.read_list(tmp_path / 'train.txt')


def test_random_split_is_repeatable_and_disjoint():
  first = pairs.split_at_random(some(50), 0.2, seed=1)
  assert first == pairs.split_at_random(list(reversed(some(50))), 0.2, seed=1)
  assert first != pairs.split_at_random(some(50), 0.2, seed=2)
  assert len(first['val']) == 10
  assert sorted(first['train'] + first['val'], key=lambda p: p.name) == some(50)


def test_added_image_moves_few_others():
  old = set(pairs.split_at_random(some(100), 0.2, 0)['val'])
  new = set(pairs.split_at_random(some(101), 0.2, 0)['val'])
  assert len(old ^ new) <= 2


@pytest.mark.parametrize('fraction', [0.01, 0.99])
def test_no_split_is_ever_empty(fraction):
  splits = pairs.split_at_random(some(3), fraction, 0)
  assert min(map(len, splits.values())) == 1


@pytest.mark.parametrize('fraction', [-0.1, 0, 1, 20])
def test_fraction_out_of_range_is_refused(fraction):
  with pytest.raises(errors.UserError, match='--val_fraction'):
    pairs.split_at_random(some(9), fraction, 0)


def test_single_image_cannot_be_split():
  with pytest.raises(errors.UserError, match='the only image'):
    pairs.split_at_random(some(1), 0.5, 0)


@pytest.mark.parametrize(
  ('first', 'second', 'is_refused'),
  [
    ('train', 'val', True),
    ('train_fine', 'val_fine', True),
    ('train', 'test', True),
    ('train', 'trainval', False),
    ('val', 'trainval', False),
    ('train', 'train_aug', False),
  ],
)
def test_overlap_is_refused_where_it_is_not_customary(
  first, second, is_refused
):
  splits = {first: some(3), second: some(2)}
  if is_refused:
    with pytest.raises(errors.UserError, match='share 2 images, first n000'):
      pairs.check_overlap(splits)
  else:
    pairs.check_overlap(splits)


def test_shuffled_order_is_scattered_and_fixed():
  order = pairs.shuffled(some(50))
  assert order == pairs.shuffled(list(reversed(some(50))))
  assert order != some(50) and sorted(order, key=lambda p: p.name) == some(50)

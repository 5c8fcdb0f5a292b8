from __future__ import annotations

import pytest

from deeplab_nas import errors
from deeplab_nas.data import splits


@pytest.mark.parametrize(
  ('names', 'split'),
  [
    (('train', 'Train', 'TRAINING', 'train2017', 'train_set', 'trn'), 'train'),
    (('val', 'valid', 'Validation', 'val2017', 'eval', 'dev', 'Dev_'), 'val'),
    (('test', 'Testing', 'test-2020'), 'test'),
    (('trains', 'valley', 'contest', 'trainval', 'device', '2017'), None),
  ],
)
def test_common_spellings_are_known(names, split):
  assert {splits.canonical(name) for name in names} == {split}


PAIRS = (
  ('train', 'val'),
  ('train', 'valid'),
  ('training', 'validation'),
  ('Train', 'Val'),
  ('train', 'eval'),
  ('train', 'dev'),
)


@pytest.mark.parametrize(('train', 'val'), PAIRS)
def test_lists_and_folders_are_found_by_any_spelling(train, val, tmp_path):
  names = [f'{train}/a', f'{val}/sub/a', 'test/x']
  assert splits.by_folder(names, 'images') == {
    **{train: 'train', val: 'val'},
    'test': 'test',
  }
  for name in (train, val):
    (tmp_path / f'{name}.txt').write_text('a')
  (tmp_path / 'labels.txt').write_text('a')
  found = splits.lists(tmp_path)
  assert {split: path.stem for split, path in found.items()} == {
    'train': train,
    'val': val,
  }


def test_folders_without_splits_are_none(tmp_path):
  names = ['valley/a', 'summer/b', 'c', 'trained/x', 'site_test/d']
  assert splits.by_folder(names, 'images') == {}
  assert splits.lists(tmp_path) == splits.folders(tmp_path) == {}


@pytest.mark.parametrize(
  ('names', 'words'),
  [
    (['train/a', 'b'], 'folder train, but no folder val'),
    (['train/a', 'test/b'], 'train and test, but no folder val'),
    (['valid/a'], 'folder valid, but no folder train'),
    (['test/a', 'b'], 'test, but no folder train'),
    (['train/a', 'val/b', 'c'], 'outside of them, first c'),
    (['train/a', 'val/b', 'x/c'], 'outside of them, first x/c'),
    (['train/a', 'val/b', 'valid/c'], 'both val and valid'),
    (['train_extra/a', 'b/c'], 'a folder train_extra'),
    (['city/train/a', 'city/val/b'], 'a folder train'),
    (['trainval/a'], 'a folder trainval'),
    (['img_train/a', 'img_val/b'], 'a folder img_train'),
    (['0_train/a', '1_val/b'], 'a folder 0_train'),
    (['trainA/a', 'testA/b'], 'a folder trainA'),
    (['valSmall/a', 'b/c'], 'a folder valSmall'),
    (['a/My-Validation/b'], 'a folder My-Validation'),
  ],
)
def test_half_a_split_is_refused(names, words):
  with pytest.raises(errors.UserError, match=words) as refusal:
    splits.by_folder(names, 'images')
  assert 'train.txt and val.txt' in str(refusal.value) or 'both' in words


@pytest.mark.parametrize('folder', ['', 'splits', 'ImageSets/Segmentation'])
@pytest.mark.parametrize(
  ('name', 'words'),
  [
    ('valid', 'valid.txt has no train.txt beside it'),
    ('train', 'train.txt has no val.txt beside it'),
    ('Test', 'Test.txt has no train.txt beside it'),
    ('trainval', 'trainval.txt looks like a split list'),
    ('train_all', 'train_all.txt looks like a split list'),
    ('my_train', 'my_train.txt looks like a split list'),
  ],
)
def test_a_lone_list_is_refused(name, words, folder, tmp_path):
  (tmp_path / folder).mkdir(exist_ok=True, parents=True)
  (tmp_path / folder / f'{name}.txt').write_text('a')
  with pytest.raises(errors.UserError, match=words):
    splits.lists(tmp_path)


@pytest.mark.parametrize(
  'name', ['lists/train.txt', 'ImageSets/Main/Train.txt']
)
def test_lists_may_lie_in_a_folder_of_lists(name, tmp_path):
  train = tmp_path / name
  train.parent.mkdir(parents=True)
  for path in (train, train.with_name('val.txt')):
    path.write_text('a')
  assert splits.lists(tmp_path) == {
    'train': train,
    'val': train.with_name('val.txt'),
  }


def test_words_that_begin_like_a_split_are_none():
  for name in ('trains', 'Valley', 'testimony', 'TRAINS', 'trainspotting'):
    assert splits.by_folder([f'{name}/a'], 'images') == {}


@pytest.mark.parametrize(
  'name',
  [
    'train.csv',
    'Val.lst',
    'valid.json',
    'split.csv',
    'Folds.txt',
    'splits.json',
  ],
)
def test_lists_of_another_format_are_refused(name, tmp_path):
  (tmp_path / 'classes.json').write_text('[]')
  (tmp_path / 'data.csv').write_text('a')
  assert splits.lists(tmp_path) == {}
  (tmp_path / name).write_text('a')
  with pytest.raises(errors.UserError, match=f'{name} looks like a split'):
    splits.lists(tmp_path)


def test_splits_may_be_the_top_folders(tmp_path):
  for name in ('train', 'valid', 'notes'):
    (tmp_path / name).mkdir()
  found = splits.folders(tmp_path)
  assert found == {'train': tmp_path / 'train', 'val': tmp_path / 'valid'}
  (tmp_path / 'valid').rmdir()
  with pytest.raises(errors.UserError, match='no folder val'):
    splits.folders(tmp_path)

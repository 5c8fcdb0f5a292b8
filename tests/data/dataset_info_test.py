from __future__ import annotations

import dataclasses
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas import errors
from deeplab_nas.data import dataset_info

INFO = dataset_info.DatasetInfo(
  name='tiny',
  class_names=('sky', 'straße'),
  palette=((0, 0, 0), (255, 0, 0)),
  splits={
    'train': dataset_info.SplitInfo(
      3, 1, (12, 20), (8, 16), (5, 6), 7, (12, 18)
    ),
  },
  mean_pixel=(1.5, 2.0, 3.0),
)


def test_save_and_load_give_the_same(tmp_path):
  INFO.save(tmp_path)
  assert dataset_info.DatasetInfo.load(tmp_path) == INFO
  assert dataset_info.DatasetInfo.load(tmp_path / 'dataset.json') == INFO
  assert [path.name for path in tmp_path.iterdir()] == ['dataset.json']


def test_the_digest_is_of_all_that_is_known_of_the_data(tmp_path):
  assert dataset_info.digest(tmp_path) == ''
  info = dataset_info.DatasetInfo.cityscapes()
  info.save(tmp_path)
  before = dataset_info.digest(tmp_path)
  assert len(before) == 12
  info.save(tmp_path)
  assert dataset_info.digest(tmp_path) == before
  dataclasses.replace(info, mean_pixel=(1.0, 2.0, 3.0)).save(tmp_path)
  assert dataset_info.digest(tmp_path) != before


def test_a_description_of_an_earlier_release_is_read(tmp_path):
  INFO.save(tmp_path)
  fields = json.loads((tmp_path / 'dataset.json').read_text('utf-8'))
  del fields['splits']['train']['largest_image']
  (tmp_path / 'dataset.json').write_text(json.dumps(fields), 'utf-8')
  split = dataset_info.DatasetInfo.load(tmp_path).splits['train']
  assert split == dataclasses.replace(INFO.splits['train'], largest_image=None)


def test_cityscapes_is_the_official_list():
  info = dataset_info.DatasetInfo.cityscapes()
  assert (info.num_classes, info.ignore_label) == (19, 255)
  assert info.class_names[0] == 'road' and info.class_names[18] == 'bicycle'
  assert info.palette[13] == (0, 0, 142)  # car


def test_pascal_voc_is_the_official_list():
  info = dataset_info.DatasetInfo.pascal_voc()
  assert (info.num_classes, info.ignore_label) == (21, 255)
  assert info.class_names[15] == 'person'
  assert info.palette[15] == (192, 128, 128)
  assert info.palette[20] == (0, 64, 128)


def test_missing_file_tells_what_to_do(tmp_path):
  with pytest.raises(errors.UserError, match='convert the data'):
    dataset_info.DatasetInfo.load(tmp_path)
  known = dataset_info.DatasetInfo.load(tmp_path, 'cityscapes')
  assert known == dataset_info.DatasetInfo.cityscapes()


def test_unknown_name_lists_the_known_ones():
  with pytest.raises(errors.UserError, match='cityscapes, pascal_voc_seg'):
    dataset_info.DatasetInfo.known('citiscapes')


BAD_FIELDS = {
  'no classes': ({'class_names': (), 'palette': ()}, 'no classes'),
  'twice': ({'class_names': ('sky', 'sky')}, "'sky' occurs twice"),
  'blank': ({'class_names': ('sky', ' ')}, 'class 1'),
  'palette': ({'palette': ((0, 0, 0),)}, '1 colours for 2 classes'),
  'colour': ({'palette': ((0, 0, 0), (0, 0, 256))}, '256'),
  'ignore': ({'ignore_label': 256}, 'ignore label 256'),
  'pixels': ({'class_names': ('a',), 'palette': ((0, 0, 0),)}, 'class_pixels'),
  'mean': ({'mean_pixel': (1.0,)}, 'mean_pixel has 1'),
}


@pytest.mark.parametrize('case', BAD_FIELDS)
def test_bad_fields_are_refused(case):
  changes, words = BAD_FIELDS[case]
  with pytest.raises(errors.UserError, match=words):
    dataclasses.replace(INFO, **changes)


def _split(fields, **changes):
  split = {**fields['splits']['train'], **changes}
  return json.dumps({**fields, 'splits': {'train': split}})


BAD_FILES = {
  'depth': lambda fields: '[' * 100_000,
  'size': lambda fields: ' ' * 2**21,
  'names in a text': lambda fields: json.dumps({**fields, 'class_names': 'ab'}),
  'infinite': lambda fields: json.dumps({**fields, 'ignore_label': 1e999}),
  'no number': lambda fields: json.dumps({**fields, 'mean_pixel': [1e999] * 3}),
  'negative': lambda fields: _split(fields, num_examples=-1),
  'a size of one': lambda fields: _split(fields, max_size=[3]),
  'not JSON': lambda fields: '{"name": ',
  'a list': lambda fields: '[]',
  'no splits': lambda fields: json.dumps({**fields, 'splits': None}),
  'no name': lambda fields: json.dumps(
    {key: value for key, value in fields.items() if key != 'name'}
  ),
  'other version': lambda fields: json.dumps({**fields, 'version': 99}),
  'no mean': lambda fields: json.dumps({**fields, 'mean_pixel': 'grey'}),
  'two names': lambda fields: json.dumps({**fields, 'class_names': ['a', 'a']}),
}


@pytest.mark.parametrize('case', BAD_FILES)
def test_bad_file_is_named(case, tmp_path):
  path = tmp_path / 'dataset.json'
  path.write_text(BAD_FILES[case](dataclasses.asdict(INFO)), 'utf-8')
  with pytest.raises(errors.UserError, match='dataset.json'):
    dataset_info.DatasetInfo.load(tmp_path)


VALUES = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
  lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3), inner, max_size=2)
  ),
  max_leaves=6,
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.sampled_from(sorted(dataclasses.asdict(INFO))), VALUES)
def test_any_value_is_taken_or_refused(tmp_path_factory, key, value):
  path = tmp_path_factory.getbasetemp() / 'changed.json'
  path.write_text(json.dumps({**dataclasses.asdict(INFO), key: value}), 'utf-8')
  try:
    loaded = dataset_info.DatasetInfo.load(path)
  except errors.UserError as error:
    assert str(path) in str(error)
    return
  loaded.save(path)
  assert dataset_info.DatasetInfo.load(path) == loaded


def test_a_folder_of_that_name_is_refused(tmp_path):
  (tmp_path / 'dataset.json').mkdir()
  with pytest.raises(errors.UserError, match='Is a directory'):
    dataset_info.DatasetInfo.load(tmp_path)

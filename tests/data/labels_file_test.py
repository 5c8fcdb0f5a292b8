from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas import errors
from deeplab_nas.data import labels_file

RED, BLUE = (255, 0, 0), (0, 0, 255)
PLAIN = {
  'labels.txt': 'sky\n\n# comment\nold town road\n',
  'a.txt': '0 sky\n1: old town road\n',
  'a.json': '["sky", "old town road"]',
  'b.json': '{"classes": ["sky", "old town road"]}',
  'c.json': '{"1": "old town road", "0": "sky"}',
  'd.json': '[{"id": 1, "name": "old town road"}, {"id": 0, "name": "sky"}]',
  'a.yaml': '- sky\n- old town road\n',
  'b.yml': 'names:\n  0: sky\n  1: old town road\n',
  'labelme.txt': '__ignore__\nsky\nold town road\n',
  '_classes.csv': 'Pixel Value, Class\n0, sky\n1, old town road\n',
  'void.txt': '0 sky\n1 old town road\n255 void\n',
  'in.txt': '["sky", "old town road"]',
  'e.json': '{"old town road": 1, "sky": 0}',
  'c.yaml': 'sky: 0\nold town road: 1\nvoid: 255\n',
  'f.json': '[{"title": "sky"}, {"title": "old town road"}]',
  'h.json': '{"id2label": {"0": "sky", "1": "old town road"}, "label2id": {}}',
  'g.json': '{"label2id": 1, "classes": ["sky", "old town road"]}',
}
COLOURED = {
  'labels.txt': 'sky 255 0 0\nold town road 0 0 255\n',
  'cvat.txt': '# label:color\nsky:255,0,0::\nold town road:0,0,255::\n',
  'camvid.txt': '255 0 0\tsky\n0 0 255\told town road\n',
  'a.json': '{"sky": [255, 0, 0], "old town road": "#0000ff"}',
  'b.json': '[{"name": "sky", "color": [255, 0, 0]},'
  ' {"name": "old town road", "color": [0, 0, 255]}]',
  'a.yaml': 'sky: [255, 0, 0]\nold town road: [0, 0, 255]\n',
  'bare.yaml': 'sky: #ff0000\nold town road: #0000FF  # blue\n',
  'short.yaml': 'sky: #f00\nold town road: #00F  # blue\n',
  'bare_list.yml': '- {name: sky, color: #ff0000}\n'
  '- {name: old town road, color: #0000ff}\n',
  'c.json': '{"#ff0000": "sky", "#0000ff": "old town road"}',
  'd.json': '{"sky": "255,0,0", "old town road": "rgb(0, 0, 255)"}',
  'e.json': '{"CLASSES": ["sky", "old town road"],'
  ' "PALETTE": [[255, 0, 0], [0, 0, 255]]}',
  'labelmap.txt': '# label:color_rgb:parts:actions\nsky:255,0,0::\n'
  'old town road:0,0,255:a,b:c\n',
}


@pytest.mark.parametrize('name', PLAIN)
def test_names_are_read(name, tmp_path):
  path = tmp_path / name
  path.write_text(PLAIN[name], 'utf-8-sig')
  labels = labels_file.read(path)
  assert labels.names == ('sky', 'old town road')
  assert labels.color_map(255) == {}
  assert len(set(labels.to_info('x', 255).palette)) == 2


@pytest.mark.parametrize('name', COLOURED)
def test_colours_are_read(name, tmp_path):
  path = tmp_path / name
  path.write_text(COLOURED[name], 'utf-8')
  labels = labels_file.read(path)
  assert labels.names == ('sky', 'old town road')
  assert labels.colors == (RED, BLUE)
  assert labels.color_map(255) == {RED: 0, BLUE: 1}
  assert labels.to_info('x', 255).palette == (RED, BLUE)


def test_ignored_entry_gives_its_colour_to_the_ignore_label(tmp_path):
  path = tmp_path / 'labels.yaml'
  path.write_text(
    '- {name: void, color: [0, 0, 0], ignore: true}\n'
    '- {name: sky, color: [255, 0, 0]}\n'
  )
  labels = labels_file.read(path)
  assert labels.names == ('sky',)
  assert labels.color_map(255) == {RED: 0, (0, 0, 0): 255}


BAD = {
  'a.json': '3',
  'b.json': '[1, 2]',
  'c.json': '{"a": [1, 2]}',
  'd.json': '{"a": "red"}',
  'e.json': '["a", "a"]',
  'f.json': '{"a": [0.5, 1, 2]}',
  'g.json': '[{"color": [1, 2, 3]}]',
  'a.yaml': 'a: [1, 2, 3',
  'b.yaml': '- no\n- yes\n',
  'c.yaml': '',
  'a.txt': '',
  'b.txt': 'sky\nred #ff00\n',
  'd.yaml': 'sky:\nroad:\n',
  'h.json': '{"classes": ["a", "b"], "palette": [[1, 2, 3]]}',
}


FOREIGN = {
  'coco.json': (
    '{"images": [], "annotations": [], "categories":'
    ' [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}]}',
    ['COCO', 'cat, dog', 'one name per line'],
  ),
  'dataset.json': (
    '{"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1},'
    ' "numTraining": 3, "file_ending": ".png"}',
    ['nnU-Net', 'background, liver', 'one name per line'],
  ),
  'regions.json': (
    '{"numTraining": 3, "labels": {"whole": [1, 2, 3], "core": [2, 3, 4]}}',
    ['nnU-Net', 'whole, core'],
  ),
  'old.json': (
    '{"modality": {"0": "CT"}, "labels": {"0": "background", "1": "liver"}}',
    ['nnU-Net', 'background, liver'],
  ),
  'shapes.json': ('{"shapes": [], "imagePath": "a.jpg"}', ['labelme']),
  'objectInfo150.txt': (
    'Idx\tRatio\tName\n1\t.1\twall\n2\t.1\tbuilding, edifice\n',
    ['ids are 1..2 and there is no 0', '--ignore_label=0'],
  ),
}


@pytest.mark.parametrize('name', FOREIGN)
def test_files_of_other_programs_are_refused_with_advice(name, tmp_path):
  text, words = FOREIGN[name]
  (tmp_path / name).write_text(text)
  with pytest.raises(errors.UserError) as refusal:
    labels_file.read(tmp_path / name)
  for part in (str(tmp_path / name), *words):
    assert part in str(refusal.value)


@pytest.mark.parametrize('name', BAD)
def test_bad_file_is_named(name, tmp_path):
  path = tmp_path / name
  path.write_text(BAD[name])
  with pytest.raises(errors.UserError, match=str(path)):
    labels_file.read(path).to_info('x', 255)


def test_text_in_another_encoding_is_refused(tmp_path):
  path = tmp_path / 'labels.txt'
  path.write_bytes('straße\n'.encode('latin-1'))
  with pytest.raises(errors.UserError, match='labels.txt: it cannot be read'):
    labels_file.read(path)


WORDS = (
  'sky',
  'road',
  '1',
  '255',
  '#ff00aa',
  ':',
  ',',
  '-',
  '[',
  ']',
  '{',
  '}',
  'name',
  'color',
  'id',
  'ignore',
  '"',
  'null',
  '\n',
  '²',
  '1' * 5000,
)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(
  st.sampled_from(labels_file.FILE_NAMES),
  st.lists(st.sampled_from(WORDS), max_size=12).map(' '.join)
  | st.text(st.characters(exclude_categories=['Cs']), max_size=20),
)
def test_any_text_is_read_or_refused(tmp_path_factory, name, text):
  path = tmp_path_factory.getbasetemp() / name
  path.write_text(text, 'utf-8')
  try:
    labels = labels_file.read(path)
    info = labels.to_info('any', 255)
    labels.color_map(255)
  except errors.UserError as error:
    assert len(str(error).splitlines()) == 1
    return
  assert len(info.class_names) == info.num_classes > 0


@pytest.mark.parametrize(
  'text',
  [
    '{"_via_settings": {}, "_via_img_metadata": {}}',
    '{"features": [{"type": "Feature"}], "type": "FeatureCollection"}',
    '{"size": {"height": 3}, "objects": []}',
  ],
)
def test_files_of_other_programs_are_called_so(text, tmp_path):
  path = tmp_path / 'labels.json'
  path.write_text(text)
  with pytest.raises(errors.UserError, match='another program: write a labels'):
    labels_file.read(path)

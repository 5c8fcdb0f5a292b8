from __future__ import annotations

import logging

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import checked_pair, conversion, layouts, palettes
from tests.data import tiny_folder
from tests.data.tiny_folder import picture, stripes

IDS = {'labelIds': (7, 26, 4, 0), 'labelTrainIds': (0, 13, 255, 255)}


def cityscapes(root, kinds=('labelIds',), splits=('train', 'val')):
  for split in splits:
    for name in ('aachen/aachen_000000_000019', 'bonn/bonn_000001_000019'):
      name = name.replace('000019', split)
      image = root / 'leftImg8bit' / split / f'{name}_leftImg8bit.png'
      image.parent.mkdir(parents=True, exist_ok=True)
      Image.fromarray(picture()).save(image)
      for kind in kinds:
        mask = root / 'gtFine' / split / f'{name}_gtFine_{kind}.png'
        mask.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(stripes(IDS[kind])).save(mask)
        mask.with_name('notes_gtFine_polygons.json').write_text('{}')
  return root


def voc(root, lists):
  for seed, name in enumerate('abcd'):
    for folder, pixels, ending in (
      ('JPEGImages', picture(seed), 'png'),
      ('SegmentationClass', stripes(), 'png'),
    ):
      path = root / folder / f'{name}.{ending}'
      path.parent.mkdir(parents=True, exist_ok=True)
      Image.fromarray(pixels).save(path)
  for split, text in lists.items():
    path = root / 'ImageSets' / 'Segmentation' / f'{split}.txt'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
  return root


@pytest.mark.parametrize('kind', IDS)
def test_cityscapes_ids_of_both_kinds_become_train_ids(kind, tmp_path):
  source = layouts.cityscapes(cityscapes(tmp_path, (kind,)))
  info = conversion.check(source, workers=1)
  pixels = info.splits['train'].class_pixels
  assert (pixels[0], pixels[13], sum(pixels)) == (96, 96, 192)
  assert info.splits['train'].ignored_pixels == 192


def test_train_ids_are_preferred(tmp_path):
  root = cityscapes(tmp_path, ('labelIds', 'labelTrainIds'))
  pair = layouts.cityscapes(root).splits['val'][0]
  assert pair.mask.endswith('aachen_000000_val_gtFine_labelTrainIds.png')
  assert pair.name == 'aachen/aachen_000000_val'


def test_all_label_ids_are_mapped_as_cityscapes_says(tmp_path):
  rules = layouts.cityscapes(cityscapes(tmp_path)).rules
  evaluated = {value: t for value, t in rules.values.items() if t != 255}
  assert list(evaluated.values()) == sorted(evaluated.values())
  assert tuple(evaluated) == palettes.CITYSCAPES_LABEL_IDS
  assert sorted(rules.values) == [*range(34), 255]


def test_label_ids_under_the_name_of_train_ids_are_refused(tmp_path):
  root = cityscapes(tmp_path, ('labelTrainIds',))
  mask = next(root.rglob('*labelTrainIds.png'))
  Image.fromarray(stripes((7, 26, 33))).save(mask)
  with pytest.raises(errors.UserError, match='26 .* 33 .*'):
    conversion.check(layouts.cityscapes(root), workers=1)


def test_mixed_kinds_are_refused(tmp_path):
  cityscapes(tmp_path, ('labelIds',), ('train',))
  cityscapes(tmp_path, ('labelTrainIds',), ('val',))
  with pytest.raises(errors.UserError, match='of all splits or of none'):
    layouts.cityscapes(tmp_path)


def test_cityscapes_without_masks_is_refused_but_for_test(tmp_path):
  cityscapes(tmp_path, (), ('train', 'test'))
  with pytest.raises(errors.UserError, match='labelTrainIds.png and no'):
    layouts.cityscapes(tmp_path, ['train'])
  (first, _) = layouts.cityscapes(tmp_path, ['test']).splits['test']
  assert first.mask is None


def test_cityscapes_image_without_mask_is_named(tmp_path):
  root = cityscapes(tmp_path)
  next((root / 'gtFine' / 'val').rglob('*labelIds.png')).unlink()
  with pytest.raises(errors.UserError, match='leftImg8bit.png has no mask'):
    layouts.cityscapes(root)


def test_voc_masks_go_by_index_on_request(tmp_path):
  root = voc(tmp_path, {'train': 'a\nb\n', 'val': 'c\n'})
  scrambled = palettes.pascal_voc_palette(256)[::-1]
  image = tiny_folder.palette_mask(stripes(), scrambled)
  image.save(root / 'SegmentationClass/a.png')
  options = layouts.MaskOptions(mode='index')
  source = layouts.pascal_voc(root, options=options)
  example = checked_pair.read(source.splits['train'][0], source.rules)
  assert example.counts.labelled(21, 255)[:4] == (48, 48, 48, 0)
  # Else colours of no class are refused with the name of the file.
  with pytest.raises(errors.UserError, match='SegmentationClass/a.png'):
    conversion.check(layouts.pascal_voc(root), workers=1)


@pytest.mark.parametrize(
  'name, text',
  [
    ('labels.txt', 'sky\nroad\ncar\n'),
    ('class_names.txt', '__ignore__\nsky\nroad\ncar\n'),
    ('labelmap.txt', '# label:color_rgb:parts:actions\n{colours}'),
  ],
)
def test_a_labels_file_of_a_voc_folder_names_its_classes(name, text, tmp_path):
  root = voc(tmp_path, {'train': 'a\nb\n', 'val': 'c\n'})
  colours = palettes.pascal_voc_palette(3)
  lines = [
    f'{label}:{",".join(map(str, colour))}::\n'
    for label, colour in zip(('sky', 'road', 'car'), colours)
  ]
  (root / name).write_text(text.format(colours=''.join(lines)))
  if '{colours}' in text:
    for mask in 'abcd':
      pixels = np.array(colours, np.uint8)[stripes((0, 1, 2))]
      Image.fromarray(pixels).save(root / f'SegmentationClass/{mask}.png')
  info = conversion.check(layouts.pascal_voc(root), workers=1)
  assert info.class_names == ('sky', 'road', 'car')
  assert all(info.splits['train'].class_pixels)
  other = tmp_path / 'other.txt'
  other.write_text('a 0 0 0\nb 128 0 0\nc 0 128 0\n')
  assert layouts.pascal_voc(
    root, labels_path=str(other)
  ).info.class_names == tuple('abc')


def test_without_split_lists_a_voc_folder_gets_advice(tmp_path):
  root = voc(tmp_path, {'default': 'a\nb\n'})
  with pytest.raises(errors.UserError) as refusal:
    layouts.pascal_voc(root)
  assert 'there are: default.txt. Write it, one name a line' in str(
    refusal.value
  )


@pytest.mark.parametrize('mapping', ['', '7:ignore'])
def test_a_palette_that_an_editor_made_goes_by_colour(mapping, tmp_path):
  root = voc(tmp_path, {'train': 'a\nb\n', 'val': 'c\n'})
  colours = palettes.pascal_voc_palette(256)
  few = [colours[0], colours[255], colours[15]]
  image = tiny_folder.palette_mask(stripes((0, 2, 1)), few)
  image.save(root / 'SegmentationClass/a.png')
  image = tiny_folder.palette_mask(stripes((0, 15, 255)), colours)
  image.save(root / 'SegmentationClass/b.png')
  options = layouts.MaskOptions(mapping)
  source = layouts.pascal_voc(root, options=options)
  first, second = (
    checked_pair.read(pair, source.rules) for pair in source.splits['train']
  )
  assert first.label == second.label
  labelled = first.counts.labelled(21, 255)
  assert (labelled[0], labelled[15]) == (72, 60)


def test_voc_colour_masks_go_by_the_voc_colours(tmp_path):
  root = voc(tmp_path, {'train': 'a\nb\n', 'val': 'c\n'})
  colours = np.array(palettes.pascal_voc_palette(21), np.uint8)
  Image.fromarray(colours[stripes((0, 15))]).save(
    root / 'SegmentationClass/a.png'
  )
  source = layouts.pascal_voc(root)
  example = checked_pair.read(source.splits['train'][0], source.rules)
  assert example.counts.labelled(21, 255)[15] == 96


def test_voc_train_and_val_may_be_joined_in_trainval(tmp_path):
  lists = {'train': 'a\n', 'val': 'b\n', 'trainval': 'a\nb\n'}
  source = layouts.pascal_voc(voc(tmp_path, lists), list(lists))
  assert {k: len(v) for k, v in source.splits.items()} == {
    'train': 1,
    'val': 1,
    'trainval': 2,
  }


def test_voc_missing_list_is_refused(tmp_path):
  root = voc(tmp_path, {'train': 'a\n'})
  with pytest.raises(errors.UserError, match='val.txt does not exist'):
    layouts.pascal_voc(root)


def test_folders_train_and_val_are_splits(tmp_path):
  folder = tiny_folder.TinyFolder(
    tmp_path, ['train/a', 'train/b', 'val/a', 'test/z']
  )
  folder.remove('masks/test/z.png')
  splits = layouts.folder(tmp_path).splits
  assert {k: [p.name for p in v] for k, v in splits.items()} == {
    'train': ['train/a', 'train/b'],
    'val': ['val/a'],
    'test': ['test/z'],
  }


def test_lists_in_splits_folder_are_used(tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path)
  folder.write('splits/train.txt', 'images/a.png\n\n  b  \n')
  folder.write('splits/val.txt', 'd\r\n')
  splits = layouts.folder(tmp_path).splits
  assert {k: [p.name for p in v] for k, v in splits.items()} == {
    'train': ['a', 'b'],
    'val': ['d'],
  }


@pytest.mark.parametrize('name', ['./{}', '{root}/images/{}', '/x/images/{}'])
def test_lists_may_hold_paths(name, tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path)
  for split, images in (('train', ['a.png', 'b.png']), ('val', ['c.png'])):
    lines = [name.format(image, root=tmp_path) for image in images]
    folder.write(f'{split}.txt', '\n'.join(lines))
  splits = layouts.folder(tmp_path).splits
  assert [pair.name for pair in splits['train']] == ['a', 'b']
  assert [pair.name for pair in splits['val']] == ['c']


def test_a_random_split_is_logged(tmp_path, caplog):
  with caplog.at_level(logging.INFO):
    layouts.folder(tiny_folder.TinyFolder(tmp_path).root)
  assert '3 images are drawn at random to train on, and 1 to' in caplog.text


def test_a_layout_is_recognised_by_its_subfolders(tmp_path):
  city = layouts.detect(cityscapes(tmp_path / 'city'))
  with pytest.raises(errors.UserError, match='whose 19 classes are known'):
    layouts.detect(tmp_path / 'city', ['sky', 'road'])
  assert city.info.name == 'cityscapes'
  lists = {'train': 'a\n', 'val': 'b\n'}
  pascal = layouts.detect(voc(tmp_path / 'voc', lists))
  assert pascal.info.name == 'pascal_voc_seg'
  own = tiny_folder.TinyFolder(tmp_path / 'own')
  assert layouts.detect(own.root).info.class_names == ('sky', 'road', 'car')
  (tmp_path / 'none').mkdir()
  with pytest.raises(errors.UserError, match='none of the subfolders'):
    layouts.detect(tmp_path / 'none')


def test_missing_data_dir_is_refused(tmp_path):
  with pytest.raises(errors.UserError, match='--data_dir='):
    layouts.folder(tmp_path / 'none')


@pytest.mark.parametrize('split', ['../x', '/etc/x', 'a/b', '', '.x', 'a b'])
@pytest.mark.parametrize('layout', [layouts.cityscapes, layouts.pascal_voc])
def test_names_of_splits_do_not_leave_the_folder(layout, split, tmp_path):
  with pytest.raises(errors.UserError, match='--splits has'):
    layout(tmp_path, ['train', split])


@pytest.mark.parametrize('name', ['../../etc/x', '/etc/passwd', '..\\x.png'])
def test_lists_name_nothing_outside_of_the_folder(name, tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path / 'data')
  folder.write('train.txt', f'a\n{name}\n')
  folder.write('val.txt', 'b\n')
  with pytest.raises(errors.UserError, match='of which there is no image'):
    layouts.folder(folder.root)

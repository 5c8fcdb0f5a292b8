"""Masks that are in order alone, and contradict each other together."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from PIL import Image

from deeplab_nas import errors
from deeplab_nas.data import conversion, layouts
from tests.data import layouts_test, tiny_folder
from tests.data.tiny_folder import palette_mask, stripes

VOC = ((0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0))
INDEX = layouts.MaskOptions(mode='index')


def check(folder, mapping='', mode='auto'):
  options = layouts.MaskOptions(mapping=mapping, mode=mode)
  source = layouts.folder(folder.root, options=options)
  return conversion.check(source, workers=1)


@pytest.fixture
def folder(tmp_path):
  return tiny_folder.TinyFolder(tmp_path)


@pytest.fixture
def binary(folder):
  folder.write('labels.txt', 'background\nroad\n')
  for name in 'abcd':
    folder.mask(f'{name}.png', stripes((0, 1)))
  return folder


BINARY = {
  'index': lambda: stripes((0, 255)),
  'rgb': lambda: np.dstack([stripes((0, 255))] * 3),
  'deep': lambda: stripes((0, 255)).astype(np.uint16),
}


@pytest.mark.parametrize('kind', BINARY)
@pytest.mark.parametrize('name', 'ad')
def test_foreground_of_1_and_255_is_refused(kind, name, binary):
  binary.mask(f'{name}.png', BINARY[kind]())
  with pytest.raises(errors.UserError) as refusal:
    check(binary)
  for words in (f'masks/{name}.png holds only 0 and 255', '--map=255:1'):
    assert words in str(refusal.value)
  check(binary, '255:ignore')
  train = check(binary, '255:1').splits['train']
  assert train.class_pixels == (288, 288) and not train.ignored_pixels


def test_1_bit_and_255_are_refused(binary):
  for name in 'abc':
    binary.mask(f'{name}.png', Image.fromarray(stripes((0, 255))).convert('1'))
  binary.mask('d.png', stripes((0, 255)))
  with pytest.raises(errors.UserError, match='d.png holds only 0 and 255'):
    check(binary)


def test_a_mask_with_both_says_what_255_is(binary):
  binary.mask('a.png', stripes((0, 255)))
  binary.mask('b.png', stripes((0, 1, 255)))
  assert check(binary).num_classes == 2


@pytest.mark.parametrize('others', [(0, 1, 2), (0, 1), (0, 2)])
def test_more_classes_are_judged_alike(others, folder):
  for name in 'abc':
    folder.mask(f'{name}.png', stripes(others))
  folder.mask('d.png', stripes((0, 255)))
  with pytest.raises(errors.UserError) as refusal:
    check(folder)
  for words in ('d.png holds only 0 and 255', 'if 255 is a class, such as 1,'):
    assert words in str(refusal.value)
  ignored = check(folder, '255:ignore').splits
  found = check(folder, '255:1').splits
  split = next(x for x in ignored if ignored[x].ignored_pixels)
  assert ignored[split].ignored_pixels == 96
  assert found[split].ignored_pixels == 0
  assert found[split].class_pixels[1] == ignored[split].class_pixels[1] + 96


@pytest.mark.parametrize(
  'line', ['255 void', '__ignore__', '255: void', '-1 nothing']
)
def test_a_labels_file_that_names_255_is_believed(line, folder):
  numbered = line[0] != '_'
  names = ['sky', 'road', 'car']
  lines = [f'{i} {x}' if numbered else x for i, x in enumerate(names)]
  if ':' in line:
    lines = [f'{i}: {x}' for i, x in enumerate(names)]
  folder.write('labels.txt', '\n'.join([*lines, line]))
  for name in 'abc':
    folder.mask(f'{name}.png', stripes((0, 1, 2)))
  folder.mask('d.png', stripes((0, 255)))
  info = check(folder)
  assert info.class_names == tuple(names)
  assert sum(x.ignored_pixels for x in info.splits.values()) == 96


def test_official_datasets_say_what_255_is(tmp_path):
  root = layouts_test.voc(tmp_path / 'voc', {'train': 'a\nb\n', 'val': 'c\n'})
  for name, values in zip('abc', ((0, 255), (0, 1, 2), (0, 1))):
    mask = Image.fromarray(stripes(values))
    mask.save(root / 'SegmentationClass' / f'{name}.png')
  info = conversion.check(layouts.pascal_voc(root), workers=1)
  assert info.splits['train'].ignored_pixels == 96


def swapped(first: int, second: int):
  """The palette mask of an editor: two indices have changed places."""
  indices, colours = np.arange(4), [*VOC]
  indices[[first, second]] = second, first
  colours[first], colours[second] = colours[second], colours[first]
  return palette_mask(indices.astype(np.uint8)[stripes((0, 1, 2))], colours)


@pytest.mark.parametrize('pair', [(1, 2), (0, 1), (2, 3)])
@pytest.mark.parametrize('name', 'ad')
def test_palettes_that_contradict_each_other_are_refused(pair, name, folder):
  for other in 'abcd':
    folder.mask(f'{other}.png', palette_mask(stripes((0, 1, 2)), VOC))
  check(folder)
  folder.mask(f'{name}.png', swapped(*pair))
  folder.write('labels.txt', 'sky\nroad\ncar\ntree\n')
  with pytest.raises(errors.UserError) as refusal:
    check(folder)
  assert f'masks/{name}.png' in str(refusal.value)
  assert 'palettes that contradict' in str(refusal.value)
  check(folder, mode='index')
  colours = '\n'.join(f'c{i} {r} {g} {b}' for i, (r, g, b) in enumerate(VOC))
  folder.write('labels.txt', colours)
  info = check(folder)
  pixels = np.add(*(split.class_pixels for split in info.splits.values()))
  assert pixels.tolist() == [4 * 12 * 6, 4 * 12 * 5, 4 * 12 * 5, 0]


def test_palettes_without_a_meaning_contradict_nothing(folder):
  folder.mask('a.png', palette_mask(stripes((0, 1, 2)), VOC))
  folder.mask('b.png', palette_mask(stripes((0, 1, 2)), ()))
  folder.mask('c.png', Image.fromarray(stripes((0, 1, 2))).convert('P'))
  folder.mask('d.png', stripes((0, 1, 2)))
  assert check(folder).num_classes > 2


def test_grey_colours_and_indices_in_one_dataset_are_refused(folder):
  folder.write('labels.txt', 'sky 0 0 0\nroad 255 255 255\ncar 128 128 128\n')
  for name in 'abc':
    folder.mask(f'{name}.png', stripes((0, 1, 2, 255)))
  check(folder)
  folder.mask('d.png', stripes((0, 255)))
  with pytest.raises(errors.UserError, match='d.png holds greys that are'):
    check(folder)
  check(folder, mode='index')


def test_masks_without_0_are_warned_of(folder, caplog):
  for name in 'abcd':
    folder.mask(f'{name}.png', stripes((1, 2)))
  with caplog.at_level(logging.WARNING):
    check(folder)
  assert '--map=1:0,2:1' in caplog.text


@pytest.mark.parametrize(
  ('labels', 'ignore_label', 'words'),
  [
    ('crack\n', 255, 'background and then crack'),
    ('background\ncrack\n', 0, 'background (0) is the ignore label'),
    ('background\ncrack\n', 1, 'crack (1) is the ignore label'),
  ],
)
def test_one_class_is_refused(labels, ignore_label, words, folder, tmp_path):
  folder.write('labels.txt', labels)
  options = layouts.MaskOptions(ignore_label=ignore_label)
  source = layouts.folder(folder.root, options=options)
  output = conversion.Output(str(tmp_path / 'out'), workers=1)
  for run in (conversion.check, lambda x: conversion.convert(x, output)):
    with pytest.raises(errors.UserError) as refusal:
      run(source)
    assert words in str(refusal.value)
    assert 'nothing can be learnt' in str(refusal.value)


@pytest.mark.parametrize('value', [0, 1])
def test_training_masks_of_one_class_are_refused(value, binary):
  for name in 'abcd':
    binary.mask(f'{name}.png', stripes((value, 255, value)))
  mapped = '255:ignore'
  with pytest.raises(errors.UserError, match=f'split train are .* .{value}.'):
    check(binary, mapped)

"""The folder layouts that can be converted, each read into a `Source`."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import re
from collections.abc import Sequence

from absl import logging

from deeplab_nas import errors
from deeplab_nas.data import (
  dataset_info,
  image_files,
  label_map,
  labels_file,
  mask_rules,
  pairs,
  palettes,
  split_pairs,
)
from deeplab_nas.data import splits as splits_lib

_CITYSCAPES_MASKS = ('gtFine_labelTrainIds', 'gtFine_labelIds')
_VOC_VOID = (224, 224, 192)  # the border of objects in colour masks


@dataclasses.dataclass(frozen=True)
class Source:
  """A dataset to convert: its classes, its pairs, and how to read its files.

  `max_pixels` is of an image; larger ones are refused undecoded.
  """

  data_dir: str
  info: dataset_info.DatasetInfo
  splits: dict[str, tuple[pairs.Pair, ...]]
  rules: mask_rules.MaskRules
  max_pixels: int = image_files.MAX_PIXELS


@dataclasses.dataclass(frozen=True)
class MaskOptions:
  """The flags `--map`, `--ignore_label`, `--mask_mode` and `--follow_links`."""

  mapping: str = ''
  ignore_label: int = 255
  mode: str = 'auto'
  follow_links: bool = False


def cityscapes(
  data_dir: str | os.PathLike,
  splits: Sequence[str] = ('train', 'val'),
  options: MaskOptions = MaskOptions(),
) -> Source:
  """leftImg8bit/ and gtFine/ of Cityscapes.

  `*_gtFine_labelTrainIds.png` are used where they exist, else
  `*_gtFine_labelIds.png`, mapped to train ids.
  """
  data_dir = _directory(data_dir)
  _check_names(splits)
  info = dataset_info.DatasetInfo.cityscapes()
  info = dataclasses.replace(info, ignore_label=options.ignore_label)
  by_split, kinds = {}, set()
  for split in splits:
    images = pairs.files_by_name(
      data_dir / 'leftImg8bit' / split, '_leftImg8bit', options.follow_links
    )
    kind, labels = _cityscapes_masks(
      data_dir / 'gtFine' / split, options.follow_links
    )
    if labels is None and split.startswith('test'):
      by_split[split] = split_pairs.without_masks(images)
      continue
    if labels is None:
      raise errors.UserError(
        f'{data_dir / "gtFine" / split} holds no'
        f' *_{_CITYSCAPES_MASKS[0]}.png and no *_{_CITYSCAPES_MASKS[1]}.png.'
      )
    kinds.add(kind)
    by_split[split] = tuple(pairs.match(images, labels).values())
  if len(kinds) > 1:
    raise errors.UserError(
      f'{data_dir / "gtFine"} has labelTrainIds in some splits and only'
      ' labelIds in others: create the train ids of all splits or of none.'
    )
  rules = _rules(info, options)
  if kinds == {_CITYSCAPES_MASKS[1]}:
    rules = dataclasses.replace(
      rules, values={**_train_ids(options.ignore_label), **rules.values}
    )
  return _source(data_dir, info, by_split, rules)


def pascal_voc(
  data_dir: str | os.PathLike,
  splits: Sequence[str] = ('train', 'val'),
  labels_path: labels_file.Source | None = None,
  options: MaskOptions = MaskOptions(),
) -> Source:
  """JPEGImages/, SegmentationClass/ and ImageSets/Segmentation/*.txt.

  The classes are those of a labels file, if there is one, else Pascal's 21.
  """
  data_dir = _directory(data_dir)
  _check_names(splits)
  info, labels = dataset_info.DatasetInfo.pascal_voc(), None
  # The devkit has none: a folder that has one holds other classes.
  if labels_path in (None, ''):
    labels_path = labels_file.find_in(data_dir)
  if labels_path is not None:
    logging.info('The classes are those of %s.', labels_path)
    labels = labels_file.read(labels_path)
    info = labels.to_info(data_dir.name, options.ignore_label)
  info = dataclasses.replace(info, ignore_label=options.ignore_label)
  images, mask_files = (
    pairs.files_by_name(data_dir / name, follow_links=options.follow_links)
    for name in ('JPEGImages', 'SegmentationClass')
  )
  by_split = {}
  for split in splits:
    path = data_dir / 'ImageSets' / 'Segmentation' / f'{split}.txt'
    names = pairs.read_list(path)
    listed = {
      pair.name: pair
      for pair in pairs.select(
        path, names, split_pairs.all_pairs(images, mask_files), data_dir
      )
    }
    wanted = {name: images[name] for name in listed}
    if split.startswith('test') and not wanted.keys() & mask_files.keys():
      by_split[split] = split_pairs.without_masks(wanted)
      continue
    found = {name: mask_files[name] for name in listed if name in mask_files}
    by_split[split] = tuple(pairs.match(wanted, found).values())
  rules = _rules(info, options, labels)
  if labels is None:
    colours = {_VOC_VOID: options.ignore_label, **rules.colors}
    rules = dataclasses.replace(rules, colors=colours)
  return _source(data_dir, info, by_split, rules)


def folder(
  data_dir: str | os.PathLike,
  labels_path: labels_file.Source | None = None,
  mask_suffix: str = '',
  val_fraction: float = 0.2,
  seed: int = 0,
  options: MaskOptions = MaskOptions(),
) -> Source:
  """images/, masks/ and labels.txt, labels.json or labels.yaml.

  The splits are, in this order: the lists train.txt, val.txt (and test.txt) in
  the folder or its splits/; the folders images/train and images/val, or train
  and val with images and masks in each; a seeded random split. Other spellings
  of their names are those of `splits.SPELLINGS`.
  """
  data_dir = _directory(data_dir)
  nested = {}
  if not (data_dir / 'images').is_dir():
    nested = splits_lib.folders(data_dir)
  if labels_path in (None, ''):
    labels_path = labels_file.find([data_dir, *nested.values()])
  labels = labels_file.read(labels_path)
  info = labels.to_info(data_dir.name, options.ignore_label)
  rules = _rules(info, options, labels)
  if nested:
    by_split = {
      split: split_pairs.nested(split, path, mask_suffix, options.follow_links)
      for split, path in nested.items()
    }
    return _source(data_dir, info, by_split, rules)
  images = pairs.files_by_name(data_dir / 'images', '', options.follow_links)
  mask_files = pairs.files_by_name(
    data_dir / 'masks', mask_suffix, options.follow_links
  )
  by_split = split_pairs.listed(data_dir, images, mask_files)
  if not by_split:
    by_split = split_pairs.by_folder(images, mask_files, data_dir)
  if by_split:
    for split, chosen in by_split.items():
      if not split.startswith('test'):
        split_pairs.require_masks(chosen)
  else:
    matched = list(pairs.match(images, mask_files).values())
    by_split = pairs.split_at_random(matched, val_fraction, seed)
    logging.info(
      'No split lists and no folders train and val: %d images are drawn at'
      ' random to train on, and %d to validate on.',
      *map(len, by_split.values()),
    )
  return _source(data_dir, info, by_split, rules)


def detect(
  data_dir: str | os.PathLike,
  labels_path: labels_file.Source | None = None,
  mask_suffix: str = '',
  options: MaskOptions = MaskOptions(),
) -> Source:
  """Reads a folder of any of the layouts, told by its subfolders."""
  data_dir = _directory(data_dir)
  if (data_dir / 'leftImg8bit').is_dir():
    errors.require(
      labels_path in (None, ''),
      f'{data_dir} has the layout of Cityscapes, whose 19 classes are known:'
      ' leave out the labels, or bring the data into images/ and masks/.',
    )
    return cityscapes(data_dir, options=options)
  if (data_dir / 'JPEGImages').is_dir():
    return pascal_voc(data_dir, labels_path=labels_path, options=options)
  if (data_dir / 'images').is_dir() or splits_lib.folders(data_dir):
    return folder(data_dir, labels_path, mask_suffix, options=options)
  raise errors.UserError(
    f'{data_dir} has none of the subfolders leftImg8bit (Cityscapes),'
    ' JPEGImages (Pascal VOC), images, and train and val (your own data).'
  )


def _directory(path: str | os.PathLike) -> pathlib.Path:
  path = pathlib.Path(path).expanduser()
  if not path.is_dir():
    raise errors.UserError(f'--data_dir={path} is not a directory.')
  return path.absolute()


def _check_names(splits: Sequence[str]) -> None:
  """Refuses names that would read or write outside of the folders."""
  for split in splits:
    errors.require(
      re.fullmatch(r'\w[\w.-]*', split) is not None,
      f'--splits has {split!r}, expected names of letters, digits, _, - and .,'
      ' such as train.',
    )


def _cityscapes_masks(directory: pathlib.Path, follow_links: bool):
  """The kind of the masks below a directory and the masks by name, or Nones."""
  for kind in _CITYSCAPES_MASKS if directory.is_dir() else ():
    found = {
      path.relative_to(directory).as_posix().partition(f'_{kind}')[0]: path
      for path in pairs.walk(directory, follow_links)
      if path.name.endswith(f'_{kind}.png')
    }
    if found:
      return kind, found
  return None, None


def _train_ids(ignore_label: int) -> dict[int, int]:
  """Train id by label id; ids that are not evaluated are ignored."""
  ids = dict.fromkeys(range(palettes.CITYSCAPES_NUM_LABEL_IDS), ignore_label)
  ids.update(
    (label_id, train_id)
    for train_id, label_id in enumerate(palettes.CITYSCAPES_LABEL_IDS)
  )
  return {255: ignore_label, **ids}


def _rules(
  info: dataset_info.DatasetInfo,
  options: MaskOptions,
  labels: labels_file.Labels | None = None,
) -> mask_rules.MaskRules:
  values, colours = label_map.parse(
    options.mapping, info.class_names, info.ignore_label
  )
  if labels is None:
    known = {colour: index for index, colour in enumerate(info.palette)}
  else:
    known = labels.color_map(info.ignore_label)
  return mask_rules.MaskRules(
    info.num_classes,
    info.ignore_label,
    values,
    {**known, **colours},
    options.mode,
    # Those of Cityscapes and Pascal VOC are what these datasets say.
    is_ignore_named=labels is None or labels.names_ignored,
  )


def _source(data_dir, info, by_split, rules) -> Source:
  pairs.check_overlap(by_split)
  return Source(str(data_dir), info, by_split, rules)

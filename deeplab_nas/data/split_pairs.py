"""Pairs of images and masks by split, as lists or folders say."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping, Sequence

from deeplab_nas.data import pairs, splits

_MASK_SUFFIX = '_mask'  # of Roboflow, which puts images and masks together
Files = Mapping[str, pathlib.Path]  # by name


def listed(data_dir: pathlib.Path, images, mask_files) -> dict:
  """Pairs by the split lists of a folder, empty without lists."""
  everything = all_pairs(images, mask_files)
  return {
    split: pairs.select(path, pairs.read_list(path), everything, data_dir)
    for split, path in splits.lists(data_dir).items()
  }


def by_folder(images, mask_files, data_dir: pathlib.Path) -> dict:
  """Pairs by the folders images/train and so on, empty without.

  Folders of images and of masks may be spelled differently.
  """
  by_first = splits.by_folder(images, str(data_dir / 'images'))
  if not by_first:
    return {}
  masks_by_first = splits.by_folder(mask_files, str(data_dir / 'masks'))
  images = _respelled(images, by_first)
  everything = all_pairs(images, _respelled(mask_files, masks_by_first))
  by_split = {split: [] for split in by_first.values()}
  for name, pair in everything.items():
    by_split[name.partition('/')[0]].append(pair)
  return {split: tuple(chosen) for split, chosen in by_split.items()}


def _respelled(files, by_first: dict[str, str]) -> dict[str, pathlib.Path]:
  """Files by name, of which the first folder is spelled as a split."""
  found = {}
  for name, path in files.items():
    first, slash, rest = name.partition('/')
    found[f'{by_first.get(first, first)}{slash}{rest}'] = path
  return found


def nested(
  split: str, folder_path: pathlib.Path, mask_suffix: str, follow_links: bool
) -> tuple[pairs.Pair, ...]:
  """Pairs of a folder train/ with images/ and masks/, or with both in one."""
  if (folder_path / 'images').is_dir():
    images = pairs.files_by_name(folder_path / 'images', '', follow_links)
    place = folder_path / 'masks'
    has_none = not place.is_dir() or not any(place.iterdir())
    mask_files = {}
    if not (split == 'test' and has_none):
      mask_files = pairs.files_by_name(place, mask_suffix, follow_links)
  else:
    end = mask_suffix or _MASK_SUFFIX
    everything = pairs.files_by_name(folder_path, '', follow_links)
    mask_files = {
      name[: -len(end)]: path
      for name, path in everything.items()
      if name.endswith(end)
    }
    images = {
      name: path for name, path in everything.items() if not name.endswith(end)
    }
  images, mask_files = (
    {f'{split}/{name}': path for name, path in files.items()}
    for files in (images, mask_files)
  )
  if split == 'test' and not mask_files:
    return without_masks(images)
  return tuple(pairs.match(images, mask_files).values())


def all_pairs(images, mask_files) -> dict[str, pairs.Pair]:
  return {
    name: pairs.Pair(
      name, str(path), str(mask_files[name]) if name in mask_files else None
    )
    for name, path in images.items()
  }


def without_masks(images) -> tuple[pairs.Pair, ...]:
  return tuple(all_pairs(images, {}).values())


def require_masks(chosen: Sequence[pairs.Pair]) -> None:
  pairs.match(
    {pair.name: pathlib.Path(pair.image) for pair in chosen},
    {pair.name: pathlib.Path(pair.mask) for pair in chosen if pair.mask},
  )

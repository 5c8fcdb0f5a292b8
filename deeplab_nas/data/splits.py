"""Which split an image belongs to: the spellings of lists and folders.

Datasets call the second split val, valid, validation, eval or dev. A folder or
list of which only one half is recognised would put images to be validated on
into the training set, so that is refused.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Iterable, Mapping

from deeplab_nas import errors

SPELLINGS = {
  'train': ('train', 'training', 'trn', 'trainset'),
  'val': (
    'val',
    'valid',
    'validation',
    'validate',
    'valset',
    'vld',
    'eval',
    'evaluation',
    'dev',
    'development',
  ),
  'test': ('test', 'testing', 'tst', 'testset', 'holdout'),
}
_CANONICAL = {
  spelling: split for split, names in SPELLINGS.items() for spelling in names
}
# Years and separators: train2017, Train_Set.
_DECORATION = re.compile(r'[\W_]|\d+$')
_LIKE = re.compile(
  rf'(trainval|{"|".join(_CANONICAL)})(?![^\W\d_])', re.IGNORECASE
)
# trainA, trainSet: a capital begins another word.
_BEFORE_CAPITAL = re.compile(r'([Tt]rain|[Vv]al|[Vv]alid|[Tt]est)(?=[A-Z])')
# At any place in a name: img_train, 0_train, my_val. Not test or dev, which may
# well be places.
_WITHIN = re.compile(
  r'(?<![^\W\d_])(trainval|train|training|val|valid|validation)(?![^\W\d_])',
  re.IGNORECASE,
)
_LIST_FOLDERS = (
  '',
  'splits',
  'lists',
  'ImageSets',
  'ImageSets/Segmentation',
  'ImageSets/Main',
)
# Files that say of each image in which split it is.
_OF_ALL_SPLITS = ('split', 'splits', 'fold', 'folds', 'partition', 'partitions')
_LIST_ENDINGS = ('.csv', '.tsv', '.lst', '.list', '.json', '.yaml', '.yml')
_REMEDY = (
  'move images into train and val (and test), or name them in train.txt and'
  ' val.txt'
)


def canonical(name: str) -> str | None:
  """'train', 'val' or 'test' of a folder or list; None of any other name."""
  return _CANONICAL.get(_DECORATION.sub('', name.casefold()))


def lists(data_dir: pathlib.Path) -> dict[str, pathlib.Path]:
  """The split lists of a folder, its splits/ or the like; empty if none."""
  for folder_name in _LIST_FOLDERS:
    folder = data_dir / folder_name
    if not folder.is_dir():
      continue
    files = sorted(path for path in folder.iterdir() if path.is_file())
    paths = [path for path in files if path.suffix.lower() == '.txt']
    found = _by_split({path.stem: path for path in paths}, str(folder))
    if not found:
      _refuse_likes([path for path in files if _is_like_list(path)])
      continue
    for split in ('train', 'val'):
      if split not in found:
        raise errors.UserError(
          f'{next(iter(found.values()))} has no {split}.txt beside it: give'
          ' lists of both train and val, or none for a random split.'
        )
    return found
  return {}


def by_folder(names: Iterable[str], where: str) -> dict[str, str]:
  """The split by first folder of names such as 'train/a'; empty if none.

  Args:
    names: Relative paths of images.
    where: The folder that they are relative to, for messages.

  Raises:
    UserError: If only some of the folders are splits.
  """
  firsts, others, deeper = {}, [], {}
  for name in names:
    *parents, _ = name.split('/')
    if parents:
      firsts.setdefault(parents[0], name)
      deeper.update(dict.fromkeys(parents[1:]))
    else:
      others.append(name)
  found = _by_split({first: first for first in firsts}, where)
  if not found:
    likes = [x for x in (*firsts, *deeper) if _is_like(x)]
    if likes:
      raise errors.UserError(
        f'{where} has a folder {likes[0]}, expected folders'
        f' {_spelled("train")} and {_spelled("val")} at its top: {_REMEDY}.'
      )
    return {}
  for split in ('train', 'val'):
    if split not in found:
      there = ' and '.join(found.values())
      raise errors.UserError(
        f'{where} has the folder {there}, but no folder {split} beside it:'
        f' {_REMEDY}.'
      )
  others += [firsts[first] for first in firsts if not canonical(first)]
  if others:
    raise errors.UserError(
      f'{where} has the folders {found["train"]} and {found["val"]}, but also'
      f' images outside of them, first {others[0]}: {_REMEDY}.'
    )
  return {first: split for split, first in found.items()}


def folders(data_dir: pathlib.Path) -> dict[str, pathlib.Path]:
  """Folders train/, valid/, ... that hold images and masks themselves."""
  found = {
    path.name: path
    for path in sorted(data_dir.iterdir())
    if path.is_dir() and canonical(path.name)
  }
  if not found:
    return {}
  by_folder((f'{name}/' for name in found), str(data_dir))
  return _by_split(found, str(data_dir))


def _by_split(items: Mapping[str, object], where: str) -> dict:
  """Items by split, of those whose names are one; doubles are refused."""
  found, names = {}, {}
  for name, item in items.items():
    split = canonical(name)
    if split is None:
      continue
    if split in found:
      raise errors.UserError(
        f'{where} has both {names[split]} and {name}, which are one split:'
        ' join them.'
      )
    found[split], names[split] = item, name
  order = [split for split in SPELLINGS if split in found]
  return {split: found[split] for split in order}


def _is_like(name: str) -> bool:
  """Whether a name speaks of a split, though it is none of the spellings."""
  return any(
    (_LIKE.match(name), _WITHIN.search(name), _BEFORE_CAPITAL.match(name))
  )


def _is_like_list(path: pathlib.Path) -> bool:
  name = path.stem
  if path.suffix.lower() == '.txt':
    return _is_like(name) or name.casefold() in _OF_ALL_SPLITS
  return path.suffix.lower() in _LIST_ENDINGS and (
    canonical(name) is not None or name.casefold() in _OF_ALL_SPLITS
  )


def _refuse_likes(paths: list[pathlib.Path]) -> None:
  if paths:
    raise errors.UserError(
      f'{paths[0]} looks like a split list, but there is no train.txt and'
      ' val.txt: give both, one name a line, or rename it for a random split.'
    )


def _spelled(split: str) -> str:
  return '/'.join(SPELLINGS[split][:3])

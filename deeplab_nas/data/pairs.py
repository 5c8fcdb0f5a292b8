"""Finding which mask belongs to which image, and which pair to which split."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import pathlib
import posixpath
import re
import unicodedata
from collections.abc import Iterable, Sequence

from absl import logging

from deeplab_nas import commands, errors, wording
from deeplab_nas.data import findings, image_files

# What macOS, Windows, file systems and storage boxes leave among the files.
_SYSTEM_FOLDERS = (
  '__MACOSX',
  '$RECYCLE.BIN',
  'System Volume Information',
  'lost+found',
  '@eaDir',
  '#recycle',
  'Network Trash Folder',
  'Temporary Items',
)
_SYSTEM_FILES = ('Thumbs.db', 'desktop.ini')
_FOLDERS = ('images', 'masks', 'JPEGImages', 'SegmentationClass')


@dataclasses.dataclass(frozen=True)
class Pair:
  """One example: its name in the dataset, its image, and its mask if any."""

  name: str
  image: str
  mask: str | None


def files_by_name(
  directory: pathlib.Path, suffix: str = '', follow_links: bool = False
) -> dict[str, pathlib.Path]:
  """Image files below a directory, by path without extension.

  Args:
    directory: Searched with its subdirectories; hidden files are left out.
    suffix: End that every name must have, and that is cut off.
    follow_links: As in `walk`.

  Returns:
    Paths by name, sorted; names are relative with '/' in Unicode form NFC.
  """
  if not directory.is_dir():
    raise errors.UserError(f'{directory} is not a directory.')
  found, problems, others = {}, findings.Problems(), []
  for path in walk(directory, follow_links):
    if path.suffix.lower() not in image_files.EXTENSIONS:
      others.append(path)
      continue
    name = _name(path.relative_to(directory).with_suffix('').as_posix())
    if not _is_text(name):
      problems.add(f'{str(path)!r} has a name that is not UTF-8: rename it.')
      continue
    if not name.endswith(suffix):
      others.append(path)
      continue
    name = name[: len(name) - len(suffix)]
    if name in found:
      problems.add(
        f'{found[name]} and {path} have the same name but for the extension:'
        ' rename or remove one.'
      )
    found[name] = path
  problems.raise_if_any()
  if not found:
    endings = sorted({path.suffix or path.name for path in others})
    there = f' (there: {", ".join(endings[:5])})' if others else ''
    raise errors.UserError(
      f'{directory} holds no image files{there}: expected names ending in'
      f' {suffix}.png or the like; convert images of other formats.'
    )
  if others:
    logging.warning(
      '%s: %d other files are left out, first %s.',
      directory,
      len(others),
      others[0].name,
    )
  return found


def match(
  images: dict[str, pathlib.Path], masks: dict[str, pathlib.Path]
) -> dict[str, Pair]:
  """Pairs images and masks of equal names; any left alone are refused."""
  problems = findings.Problems()
  hint = _suffix_hint(images, masks)
  for name in sorted(images.keys() - masks.keys()):
    advice = hint or ': add it, or remove the image'
    problems.add(f'{images[name]} has no mask of the name {name}{advice}.')
  for name in sorted(masks.keys() - images.keys()):
    advice = hint or ': add it, or remove the mask'
    problems.add(f'{masks[name]} has no image of the name {name}{advice}.')
  problems.raise_if_any()
  return {
    name: Pair(name, str(images[name]), str(masks[name])) for name in images
  }


def read_list(path: pathlib.Path) -> list[str]:
  """Names of a split list, one a line; doubles and empty lists are refused."""
  if not path.is_file():
    others = ', '.join(sorted(p.name for p in path.parent.glob('*.txt')))
    raise errors.UserError(
      f'The split list {path} does not exist; there are: {others or "none"}.'
      ' Write it, one name a line, or choose others with --splits; or copy'
      ' images and masks to the folders images and masks of a folder of your'
      ' own, for which a split is drawn.'
    )
  try:
    text = path.read_text(encoding='utf-8-sig')
  except UnicodeDecodeError as error:
    raise errors.UserError(f'{path} is not UTF-8 text ({error}).') from error
  lines, problems = {}, findings.Problems()
  for number, line in enumerate(text.splitlines(), 1):
    name = _name(line.strip())
    if not name:
      continue
    if name in lines:
      problems.add(
        f'{path} names {name} twice, in lines {lines[name]} and {number}:'
        ' remove one.'
      )
    lines[name] = number
  problems.raise_if_any()
  if not lines:
    raise errors.UserError(f'{path} is an empty split list: name one per line.')
  return list(lines)


def select(
  path: pathlib.Path,
  names: Iterable[str],
  pairs: dict[str, Pair],
  data_dir: pathlib.Path,
) -> tuple[Pair, ...]:
  """The pairs that a split list names.

  A name may be a path of the image or its mask, relative or absolute, with or
  without file extension; what follows it in its line is passed over.

  Args:
    path: Of the list.
    names: Its lines.
    pairs: All pairs by name.
    data_dir: What relative paths may start from, beside the list's folder.
  """
  chosen, problems = {}, findings.Problems()
  by_path = {}
  for pair in pairs.values():
    for file in filter(None, (pair.mask, pair.image)):
      by_path[file] = by_path[os.path.splitext(file)[0]] = pair
  bases = (data_dir, path.parent)

  def find(name: str) -> Pair | None:
    for form in _forms(name):
      if form in pairs:
        return pairs[form]
    places = [os.path.abspath(base / name) for base in bases]
    return next((by_path[x] for x in places if x in by_path), None)

  for line in names:
    first, *rest = re.split(r'[\s,;]+', line)
    pair = find(line)
    if pair is None:
      pair = find(first)
      others = [
        x for x in map(find, filter(None, rest)) if x not in (None, pair)
      ]
      if pair is not None and others:
        problems.add(
          f'{path} names {pair.name} and {others[0].name} in one line: write'
          ' one name a line.'
        )
        continue
    if pair is None:
      problems.add(f'{path} names {line}, of which there is no image.')
    elif pair.name in chosen:
      problems.add(f'{path} names {pair.name} twice: remove one.')
    else:
      chosen[pair.name] = pair
  problems.raise_if_any()
  return tuple(chosen.values())


def split_at_random(
  pairs: Sequence[Pair], val_fraction: float, seed: int
) -> dict[str, tuple[Pair, ...]]:
  """A seeded split into 'train' and 'val', the latter with at least one pair.

  Ordered by a hash of seed and name, so that an added image moves few others.
  """
  if not 0 < val_fraction < 1:
    raise errors.UserError(
      f'--val_fraction={val_fraction} must lie between 0 and 1.'
    )
  if len(pairs) < 2:
    raise errors.UserError(
      f'{pairs[0].image} is the only image: a train and a val split need two.'
    )
  ordered = sorted(pairs, key=lambda pair: _digest(f'{seed}:{pair.name}'))
  num_val = max(round(val_fraction * len(pairs)), 1)
  num_val = min(num_val, len(pairs) - 1)
  by_name = {'train': ordered[num_val:], 'val': ordered[:num_val]}
  return {
    split: tuple(sorted(chosen, key=lambda pair: pair.name))
    for split, chosen in by_name.items()
  }


def shuffled(pairs: Sequence[Pair]) -> list[Pair]:
  """The same scattered order everywhere, by a hash of the names."""
  return sorted(pairs, key=lambda pair: _digest(pair.name))


def check_overlap(splits: dict[str, Sequence[Pair]]) -> None:
  """Refuses images that are both trained on and evaluated on."""
  problems = findings.Problems()
  names = list(splits)
  for index, first in enumerate(names):
    for second in names[index + 1 :]:
      if _may_share(first, second):
        continue
      common = {pair.name for pair in splits[first]} & {
        pair.name for pair in splits[second]
      }
      if common:
        images = wording.counted(len(common), 'image')
        problems.add(
          f'Splits {first} and {second} share {images}, first {min(common)}:'
          ' name each image in one of them.'
        )
  problems.raise_if_any()


def _may_share(first: str, second: str) -> bool:
  """Whether two splits contain each other by custom: train, trainval, ..."""
  both = (first, second)
  return all(name.startswith('train') for name in both) or any(
    name.startswith('trainval') for name in both
  )


def walk(
  directory: pathlib.Path, follow_links: bool = False
) -> list[pathlib.Path]:
  """Files below a directory, sorted, links followed once.

  The directory may be a link itself. Links in it that lead out of it are a
  `UserError` unless `follow_links`: a folder from elsewhere could have files of
  this machine copied into the shards.
  """
  files, seen = [], set()

  def refuse(error: OSError):
    raise errors.UserError(
      f'{error.filename} cannot be listed ({error.strerror}).'
    )

  for root, folders, names in os.walk(
    directory, onerror=refuse, followlinks=True
  ):
    real = os.path.realpath(root)
    if real in seen:
      folders.clear()
      continue
    seen.add(real)
    folders[:] = sorted(
      name
      for name in folders
      if not name.startswith('.') and name not in _SYSTEM_FOLDERS
    )
    files += [
      pathlib.Path(root, name)
      for name in sorted(names)
      if not name.startswith(('.', '~$')) and name not in _SYSTEM_FILES
    ]
  if not follow_links:
    _refuse_outside(files, directory)
  return sorted(files)


def _refuse_outside(
  files: Sequence[pathlib.Path], directory: pathlib.Path
) -> None:
  root = os.path.join(os.path.realpath(directory), '')
  problems = findings.Problems()
  for path in files:
    real = os.path.realpath(path)
    if os.path.exists(real) and not real.startswith(root):
      problems.add(
        f'{path} is a link out of its folder, to {real}: copy the file, or pass'
        ' --follow_links if you trust the folder.'
      )
  problems.raise_if_any()


def _forms(name: str) -> list[str]:
  """Spellings under which a listed name may be known."""
  name = name.replace('\\', '/')
  tail = name
  for folder in _FOLDERS:  # a path on another machine
    tail = tail.rpartition(f'/{folder}/')[2]
  forms = []
  for form in dict.fromkeys([name, tail]):
    form = posixpath.normpath(form).lstrip('/')
    stem, extension = os.path.splitext(form)
    forms.append(form)
    if extension.lower() in image_files.EXTENSIONS:
      forms.append(stem)
  return forms + [form.partition('/')[2] for form in forms if '/' in form]


def _suffix_hint(images, masks) -> str:
  """Tells of `--mask_suffix` if all masks are image names plus an end."""
  ends = set()
  for name in masks:
    image = max(
      (other for other in images if name.startswith(other)),
      key=len,
      default=None,
    )
    ends.add(None if image is None else name[len(image) :])
  end = ends.pop() if len(ends) == 1 else None
  if not end:
    return ''
  return (
    f' (the masks end in {end!r}: pass {commands.flag("mask_suffix", end)})'
  )


def _name(text: str) -> str:
  return unicodedata.normalize('NFC', text)


def _is_text(name: str) -> bool:
  try:
    name.encode('utf-8')
  except UnicodeEncodeError:
    return False
  return True


def _digest(text: str) -> str:
  return hashlib.sha256(text.encode('utf-8')).hexdigest()

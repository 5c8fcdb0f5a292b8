"""Names of shard files, and the walk along their record frames.

A shard is `<split>-00000-of-0000N.tfrecord`. A record is framed as length
(8 bytes), checksum of the length (4), data, checksum of the data (4).
"""

from __future__ import annotations

import os
import pathlib
import re
import struct
from collections.abc import Iterator

from deeplab_nas import errors

_NAME = re.compile(
  r'(?P<split>.+)-(?P<index>\d{5})-of-(?P<total>\d{5})'
  r'(\.tfrecord)?'
)
_LENGTH = struct.Struct('<Q')
# What helps when records are damaged.
REMEDY = (
  'convert the data again, or train without such records:'
  ' --set=data.skip_corrupt_records=N leaves out up to N'
)
_HEADER_BYTES = 12
_FOOTER_BYTES = 4


def shard_name(split: str, index: int, total: int) -> str:
  return f'{split}-{index:05d}-of-{total:05d}.tfrecord'


def _crc32c_table() -> tuple[int, ...]:
  """Checksums of single bytes, by the reversed polynomial of Castagnoli."""
  table = []
  for value in range(256):
    for _ in range(8):
      value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    table.append(value)
  return tuple(table)


_CRC32C = _crc32c_table()


def _is_sound(header: bytes) -> bool:
  """Whether a frame's header is whole and its length what was written.

  TFRecord's checksum is CRC-32C, rotated by 15 bits and shifted by a constant.
  """
  if len(header) < _HEADER_BYTES:
    return False
  crc = 0xFFFFFFFF
  for byte in header[: _LENGTH.size]:
    crc = crc >> 8 ^ _CRC32C[(crc ^ byte) & 0xFF]
  crc ^= 0xFFFFFFFF
  masked = ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF
  return masked == int.from_bytes(header[_LENGTH.size :], 'little')


def splits_in(data_dir: str | os.PathLike) -> dict[str, list[pathlib.Path]]:
  """All shard files of a directory by split, each list sorted."""
  data_dir = pathlib.Path(data_dir)
  if not data_dir.is_dir():
    raise errors.UserError(f'{data_dir} is not a directory.')
  found = {}
  for path in sorted(data_dir.iterdir()):
    match = _NAME.fullmatch(path.name)
    if match and not path.name.startswith('.'):
      found.setdefault(match['split'], []).append(path)
  return found


def find(data_dir: str | os.PathLike, split: str) -> list[pathlib.Path]:
  """The shards of a split, complete and whole, in order; see `counts`."""
  return list(counts(data_dir, split))


def counts(data_dir: str | os.PathLike, split: str) -> dict[pathlib.Path, int]:
  """Number of records of each shard of a split, in order.

  Only the record frames are walked, not the data, so this is quick; it notices
  shards that are missing, doubled or cut off.
  """
  return {path: count_records(path) for path in listed(data_dir, split)}


def listed(data_dir: str | os.PathLike, split: str) -> list[pathlib.Path]:
  """The shards of a split, complete, in order, whatever is in them."""
  by_split = splits_in(data_dir)
  if split not in by_split:
    known = ', '.join(sorted(by_split)) or 'none'
    raise errors.UserError(
      f'{data_dir} has no shards named {split}-00000-of-*.tfrecord; the'
      f' splits there are: {known}. Name one of these; to train without a'
      ' validation, set data.val_split= to nothing.'
    )
  paths = by_split[split]
  matches = [_NAME.fullmatch(path.name) for path in paths]
  totals = sorted({int(match['total']) for match in matches})
  if len(totals) > 1:
    raise errors.UserError(
      f'{data_dir} holds two conversions of split {split}, one in'
      f' {totals[0]} shards and one in {totals[1]}: remove one of them.'
    )
  indices = {int(match['index']) for match in matches}
  missing = sorted(set(range(totals[0])) - indices)
  if missing:
    raise errors.UserError(
      f'{data_dir} lacks {shard_name(split, missing[0], totals[0])}'
      f' ({len(missing)} of {totals[0]} shards missing): run the converter'
      ' again to complete it.'
    )
  return paths


def count_records(path: str | os.PathLike) -> int:
  """Number of records of a shard; a cut-off shard is a `UserError`."""
  return sum(1 for _ in frame_ends(path))


def frame_ends(path: str | os.PathLike) -> Iterator[int]:
  """Where each record of a shard ends, in bytes from its start.

  Raises:
    UserError: If a record is cut off, or its length damaged.
  """
  size = os.path.getsize(path)
  position = count = 0
  with open(path, 'rb') as shard:
    while position < size:
      shard.seek(position)
      header = shard.read(_HEADER_BYTES)
      end = size + 1
      if _is_sound(header):
        length = _LENGTH.unpack_from(header)[0]
        end = position + _HEADER_BYTES + length + _FOOTER_BYTES
      if end > size:
        raise errors.UserError(
          f'{path} is cut off or damaged at byte {position}, after'
          f' {count} records: {REMEDY}.'
        )
      position = end
      count += 1
      yield end

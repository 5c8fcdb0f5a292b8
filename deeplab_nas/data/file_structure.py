"""The outer structure of PNG and JPEG files: what decoders need, and no more.

Phones append videos to JPEG files, editors put megabytes of text into PNG
files, and tools that edit such text forget its checksum. Of none of it depends
a pixel. Decoders disagree on it, so what they are given is without it.

References:
  https://www.w3.org/TR/png-3/#5DataRep (chunks, checksums)
  https://www.w3.org/Graphics/JPEG/itu-t81.pdf, annex B (markers)
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator

PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_JPEG_START = b'\xff\xd8'
# A marker in entropy-coded data: neither a stuffed zero nor a restart marker.
_NEXT_MARKER = re.compile(rb'\xff+([^\x00\xff\xd0-\xd7])', re.DOTALL)
_SCAN, _END = 0xDA, 0xD9
_WITHOUT_LENGTH = (0x01, *range(0xD0, 0xD9))
# Ancillary chunks that say something about pixels, or that there are frames.
_KEPT = (b'tRNS', b'eXIf', b'acTL', b'fcTL', b'fdAT')
# Text in which ImageMagick and XMP note an orientation.
_TEXT = re.compile(rb'(XML:com\.adobe\.xmp|Raw profile type (exif|APP1))\0')
_TEXT_KINDS = (b'tEXt', b'zTXt', b'iTXt')
_MAX_TEXT = 2**16
_MAX_UNPACKED = 2**19


class Damaged(ValueError):
  """A file whose structure is damaged; says where."""


def sound_part(contents: bytes) -> bytes:
  """What there is to decode in a file; the same object if that is all of it.

  Args:
    contents: Of a file of any kind; only PNG and JPEG files are looked into.

  Raises:
    Damaged: If the end is missing or a needed part has a wrong checksum.
  """
  if contents.startswith(PNG_SIGNATURE):
    return _sound_png(contents)
  if contents.startswith(_JPEG_START):
    end = _jpeg_end(contents)
    return contents if end == len(contents) else contents[:end]
  return contents


def _sound_png(contents: bytes) -> bytes:
  """A PNG without trailing bytes, damaged or huge ancillary chunks."""
  parts, is_whole = [PNG_SIGNATURE], True
  end = len(PNG_SIGNATURE)
  for kind, start, end in _png_chunks(contents):
    is_sound = _has_right_checksum(contents, start, end)
    if _is_critical(kind) and not is_sound:
      raise Damaged(f'wrong checksum in its chunk {kind.decode("latin-1")}')
    if not is_sound or end - start > _MAX_TEXT and not _is_needed(kind):
      is_whole = False
      continue
    parts.append(contents[start:end])
    if kind == b'IEND':
      break
  else:
    raise Damaged('it is cut off: its end marker is missing')
  if is_whole and end == len(contents):
    return contents
  return b''.join(parts)


def without_text(contents: bytes) -> bytes:
  """A sound PNG with no more than pixels and orientation depend on.

  Pillow gives up on long texts, and unpacks them first.
  """
  if not contents.startswith(PNG_SIGNATURE):
    return contents
  parts, position = [], 0
  for kind, start, end in _png_chunks(contents):
    is_note = kind in _TEXT_KINDS and _is_short_note(
      kind, contents[start + 8 : end - 4]
    )
    if not _is_needed(kind) and not is_note:
      parts.append(contents[position:start])
      position = end
  return b''.join([*parts, contents[position:]]) if parts else contents


def _png_chunks(contents: bytes) -> Iterator[tuple[bytes, int, int]]:
  """(kind, start, end) of each chunk, as far as they are whole."""
  position = len(PNG_SIGNATURE)
  while position + 12 <= len(contents):
    (length,) = struct.unpack_from('>I', contents, position)
    end = position + 12 + length
    if end > len(contents):
      return
    yield contents[position + 4 : position + 8], position, end
    position = end


def _has_right_checksum(contents: bytes, start: int, end: int) -> bool:
  (said,) = struct.unpack_from('>I', contents, end - 4)
  return zlib.crc32(memoryview(contents)[start + 4 : end - 4]) == said


def _is_critical(kind: bytes) -> bool:
  return not kind[0] & 0x20


def _is_needed(kind: bytes) -> bool:
  return _is_critical(kind) or kind in _KEPT


def _is_short_note(kind: bytes, body: bytes) -> bool:
  """Whether a text may hold an orientation, and is small unpacked too."""
  if not _TEXT.match(body):
    return False
  rest = body[_TEXT.match(body).end() :]
  if kind == b'iTXt':
    is_packed, rest = rest[:1] == b'\1', rest[2:].split(b'\0', 2)[-1]
  else:
    is_packed, rest = kind == b'zTXt', rest[1:]
  if not is_packed:
    return True
  unpacker = zlib.decompressobj()
  try:
    unpacker.decompress(rest, _MAX_UNPACKED)
  except zlib.error:
    return False
  return not unpacker.unconsumed_tail


def _jpeg_end(contents: bytes) -> int:
  """Where the first image of a JPEG file ends."""
  position = len(_JPEG_START)
  while True:
    match = _NEXT_MARKER.search(contents, position)
    if match is None:
      raise Damaged('it is cut off: its end marker is missing')
    marker, position = match[1][0], match.end()
    if marker == _END:
      return position
    if marker in _WITHOUT_LENGTH or position + 2 > len(contents):
      continue
    (length,) = struct.unpack_from('>H', contents, position)
    # The data of a scan follows its header, up to the next marker.
    position += length

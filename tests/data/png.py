"""PNG files made by hand, of kinds that Pillow does not write."""

from __future__ import annotations

import struct
import zlib

import numpy as np

SIGNATURE = b'\x89PNG\r\n\x1a\n'
_ADAM7 = (
  (0, 0, 8, 8),
  (0, 4, 8, 8),
  (4, 0, 8, 4),
  (0, 2, 4, 4),
  (2, 0, 4, 2),
  (0, 1, 2, 2),
  (1, 0, 2, 1),
)


def chunk(kind: bytes, body: bytes, error: int = 0) -> bytes:
  """A chunk, whose checksum may be made wrong."""
  checksum = zlib.crc32(kind + body) ^ error
  head = struct.pack('>I', len(body)) + kind
  return head + body + struct.pack('>I', checksum)


def _file(size, bits: int, color: int, is_interlaced: int, data: bytes):
  height, width = size
  header = struct.pack(
    '>IIBBBBB', width, height, bits, color, 0, 0, is_interlaced
  )
  return (
    SIGNATURE
    + chunk(b'IHDR', header)
    + chunk(b'IDAT', zlib.compress(data))
    + chunk(b'IEND', b'')
  )


def grey(row: np.ndarray, bits: int) -> bytes:
  """One row of grey values of 1, 2 or 4 bits, in whole bytes."""
  stored = np.unpackbits(row.astype(np.uint8)[:, None], axis=1)[:, -bits:]
  data = b'\0' + np.packbits(stored).tobytes()
  return _file((1, len(row)), bits, 0, 0, data)


def interlaced(pixels: np.ndarray) -> bytes:
  """uint8 [H, W, 3] in seven passes."""
  data = b''
  for top, left, down, right in _ADAM7:
    part = pixels[top::down, left::right]
    data += b''.join(b'\0' + row.tobytes() for row in part if part.size)
  return _file(pixels.shape[:2], 8, 2, 1, data)


def gradient(size=(12, 16), depth=8, color=2) -> bytes:
  """Equal rows of bytes that count up, grey (0) or RGB (2)."""
  channels = {0: 1, 2: 3}[color]
  row = b'\0' + bytes(range(size[1] * channels * depth // 8))
  return _file(size, depth, color, 0, row * size[0])

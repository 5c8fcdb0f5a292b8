"""Files that people take for images, and what to do about each.

Phones take HEIC photos, downloads end as web pages, and a clone without Git LFS
holds pointers: "damaged" would be no help.
"""

from __future__ import annotations

import re

_CONVERT = 'convert it to JPEG or PNG'
_DOWNLOAD = 'download the image again'
# By the first bytes; in front of brands of ISO media files stands their length.
_KINDS = (
  (rb'.{4}ftyp(avif|avis)', 'an AVIF image', _CONVERT),
  (rb'.{4}ftyp(heic|heix|hevc|heim|heis|mif1|msf1)', 'a HEIC image', _CONVERT),
  (rb'.{4}ftypcrx ', 'a raw photo', _CONVERT),
  (rb'.{4}ftyp', 'a video', 'save the frames you mean as PNG'),
  (rb'(\xff\x0a|.{4}JXL )', 'a JPEG XL image', _CONVERT),
  (rb'version https://git-lfs', 'a pointer of Git LFS', 'run git lfs pull'),
  (rb'\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg', 'a drawing (SVG)', _CONVERT),
  (rb'\s*<(!doctype html|html|head)', 'a web page', _DOWNLOAD),
  (rb'\s*(<\?xml|[{\[]\s*["{\]}])', 'a text of XML or JSON', _DOWNLOAD),
  (rb'%PDF', 'a PDF document', _CONVERT),
  (rb'%!PS', 'a PostScript document', _CONVERT),
  (rb'8BPS', 'a Photoshop file', _CONVERT),
  (rb'gimp xcf', 'a GIMP file', _CONVERT),
  (rb'(\x76\x2f\x31\x01|#\?RADIANCE)', 'an HDR image', _CONVERT),
  (rb'\x89HDF|SIMPLE  =|\x93NUMPY', 'a file of numbers', _CONVERT),
  (rb'.{128}DICM', 'a DICOM file', _CONVERT),
  (rb'\x1f\x8b|BZh|7z\xbc\xaf|PK\x03\x04|Rar!', 'an archive', 'unpack it'),
)
_PATTERNS = tuple(
  (re.compile(pattern, re.DOTALL | re.IGNORECASE), kind, remedy)
  for pattern, kind, remedy in _KINDS
)
# Endings of images that are not read.
_ENDINGS = re.compile(
  r'.*\.(arw|avif|cr2|cr3|dcm|dds|dng|exr|hdr|heic|heif|ico|j2k|jxl|nef|orf|pcx'
  r'|pdf|psd|raf|raw|rw2|svg|tga|xcf)',
  re.DOTALL | re.IGNORECASE,
)


def has_ending(name: str) -> bool:
  """Whether a file is called as an image of a format that is not read."""
  return _ENDINGS.fullmatch(name) is not None


def explain(contents: bytes) -> str | None:
  """'is a HEIC image: convert it to JPEG or PNG'; None of what is not known."""
  start = contents[:1024]
  for pattern, kind, remedy in _PATTERNS:
    if pattern.match(start):
      return f'is {kind}: {remedy}'
  return None

"""Lengths of time in words that people read."""

from __future__ import annotations


def text(seconds: float) -> str:
  """'8 s', '3 min 20 s', '2 h 05 min', '3 d 04 h'."""
  seconds = max(0, round(seconds))
  minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
  if days:
    return f'{days} d {hours % 24:02d} h'
  if hours:
    return f'{hours} h {minutes % 60:02d} min'
  if minutes:
    return f'{minutes} min {seconds % 60:02d} s'
  return f'{seconds} s'

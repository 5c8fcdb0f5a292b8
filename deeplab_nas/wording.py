"""Numbers in sentences for people."""

from __future__ import annotations


def counted(number: float, noun: str, plural: str | None = None) -> str:
  """'1 pixel', '1,024 pixels'.

  Args:
    number: A whole number.
    noun: Of one.
    plural: Of several; None appends an 's'.
  """
  several = f'{noun}s' if plural is None else plural
  return f'{number:,.0f} {noun if number == 1 else several}'

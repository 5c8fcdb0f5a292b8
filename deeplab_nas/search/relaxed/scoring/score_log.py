"""Scores in a file, line by line, so that a scoring that ended can go on."""

from __future__ import annotations

import json
import math
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from deeplab_nas import files, safe_json
from deeplab_nas.space import genotype as genotype_lib

_VERSION = 1


class ScoreLog:
  """Scores by architecture, each on the disk at once.

      log = ScoreLog('scores.jsonl', {'weights': digest})
      if genotype not in log:
        log.add(genotype, {'cross_entropy': 0.9})
      log[genotype]

  Scores of other facts, of other weights for example, are not taken over.
  """

  def __init__(self, path: str | os.PathLike[str], facts: Mapping[str, Any]):
    """Reads what a file has of the same facts, or begins it anew.

    Args:
      path: Of the file; its folder exists.
      facts: All that a score depends on but the architecture, in types that
        JSON knows.
    """
    self._path = pathlib.Path(path)
    self._scores: dict[genotype_lib.Genotype, dict[str, float]] = {}
    header = json.dumps({'version': _VERSION, **facts})
    lines = self._whole_lines()
    if lines[:1] != [header]:
      lines = [header]
    for line in lines[1:]:
      record = safe_json.parse(line)
      genotype = genotype_lib.Genotype(record['path'], record['cell'])
      self._scores[genotype] = {
        name: math.nan if value is None else value
        for name, value in record['scores'].items()
      }
    files.write(self._path, ''.join(f'{line}\n' for line in lines))

  def _whole_lines(self) -> list[str]:
    """Without a last one that a process was killed at."""
    if not self._path.is_file():
      return []
    return self._path.read_text('utf-8').split('\n')[:-1]

  def add(
    self, genotype: genotype_lib.Genotype, scores: Mapping[str, float]
  ) -> None:
    """Notes the scores of an architecture."""
    self._scores[genotype] = dict(scores)
    record = {
      'digest': genotype.digest,
      'path': genotype.path,
      'cell': genotype.cell,
      'scores': {
        name: value if math.isfinite(value) else None
        for name, value in scores.items()
      },
    }
    with open(self._path, 'a', encoding='utf-8') as file:
      file.write(json.dumps(record) + '\n')

  def __contains__(self, genotype: genotype_lib.Genotype) -> bool:
    return genotype in self._scores

  def __getitem__(self, genotype: genotype_lib.Genotype) -> dict[str, float]:
    return self._scores[genotype]

  def __iter__(self) -> Iterator[genotype_lib.Genotype]:
    return iter(self._scores)

  def __len__(self) -> int:
    return len(self._scores)

"""What the documented commands write is no change of the repository."""

from __future__ import annotations

import pathlib
import re
import subprocess

import pytest

ROOT = pathlib.Path(__file__).parents[1]
OUTPUT = re.compile(
  r'--(?:output_dir|run_dir|export_dir|sheet|runs)=([\w./-]+)'
)
PAGES = [ROOT / 'README.md', *sorted((ROOT / 'g3doc').rglob('*.md'))]


def outputs():
  """Relative paths that commands of the pages write to."""
  found = {
    path for page in PAGES for path in OUTPUT.findall(page.read_text('utf-8'))
  }
  return sorted(path for path in found if not path.startswith('/'))


@pytest.mark.skipif(not (ROOT / '.git').exists(), reason='no repository')
def test_outputs_of_documented_commands_are_ignored():
  paths = outputs()
  assert {'runs/search', 'predictions', 'my_tfrecord'} <= set(paths)
  # With a file inside: a pattern of a folder fits none that is not there.
  asked = [path if '.' in path else f'{path}/x' for path in paths]
  result = subprocess.run(
    ['git', '-C', ROOT, 'check-ignore', *asked], capture_output=True, text=True
  )
  assert sorted(result.stdout.split()) == sorted(asked)

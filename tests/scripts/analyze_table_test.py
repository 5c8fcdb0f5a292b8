"""The command that says what the table can decide."""

from __future__ import annotations

from tests import command


def test_the_table_of_the_package_is_told_and_drawn(tmp_path):
  picture = tmp_path / 'table.png'
  result = command.run('scripts/analyze_table.py', f'--picture={picture}')
  assert result.returncode == 0, result.stderr
  assert 'of 918 rows, 0 failed' in result.stdout
  assert '| cross_entropy, surrogate |' in result.stdout
  assert picture.read_bytes().startswith(b'\x89PNG')

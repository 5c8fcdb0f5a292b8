"""`--help` of the benchmarks, whose flags are those of their own process."""

from __future__ import annotations

import re
import shlex

import pytest

from tests import command

SCRIPTS = sorted(
  str(path.relative_to(command.ROOT))
  for path in (command.ROOT / 'scripts').glob('benchmark_*.py')
)


@pytest.fixture(scope='module', params=SCRIPTS)
def page(request):
  result = command.run(request.param, '--help')
  assert (result.returncode, result.stderr) == (0, '')
  return request.param, result.stdout


def sources_of(script):
  """Where the flags of a benchmark are defined."""
  path = command.ROOT / script
  shared = command.ROOT / 'scripts/benchmarks/command.py'
  is_shared = re.search(
    r'^from benchmarks import .*command', path.read_text(), re.M
  )
  return [path, shared] if is_shared else [path]


def test_there_are_benchmarks():
  assert len(SCRIPTS) == 5


def test_it_shows_every_flag_of_the_script_with_what_it_is(page):
  script, text = page
  lines = text.splitlines()
  assert max(map(len, lines)) <= 80
  defined = re.findall(
    r"(?:DEFINE_\w+\(|define_path\(\s*FLAGS,)\s*'(\w+)'",
    '\n'.join(path.read_text('utf-8') for path in sources_of(script)),
  )
  assert len(defined) > 5
  for name in defined:
    (at,) = [
      i
      for i, line in enumerate(lines)
      if re.fullmatch(rf'  --(\[no\])?{name}(=\S+)?', line)
    ]
    assert len(lines[at + 1].split()) > 1


def test_its_examples_are_of_the_script_and_of_flags_on_the_page(page):
  script, text = page
  before, _, after = text.partition('\nflags:\n')
  known = {
    name for name in re.findall(r'^  --(?:\[no\])?(\w+)', after, re.MULTILINE)
  }
  lines = before.replace('\\\n', ' ').splitlines()
  examples = [shlex.split(x) for x in lines if x.startswith('  python ')]
  assert examples
  for _, path, *flags in examples:
    assert path == script
    assert {flag[2:].partition('=')[0] for flag in flags} <= known

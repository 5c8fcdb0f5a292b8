"""The pages on the search space show what the code prints."""

import doctest
import pathlib
import re
import shlex
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
PAGES = ('search_space', 'genotypes')
# A command and the output that the page shows below it.
SHOWN = re.compile(r'```bash\n(.*?)```\n\n```text\n(.*?)```', re.DOTALL)


@pytest.mark.parametrize('page', PAGES)
def test_examples_run(page, tmp_path):
  text = (ROOT / 'g3doc' / f'{page}.md').read_text(encoding='utf-8')
  text = text.replace('/tmp/', f'{tmp_path.as_posix()}/')
  example = doctest.DocTestParser().get_doctest(text, {}, page, page, 0)
  runner = doctest.DocTestRunner()
  results = runner.run(example)
  assert results.attempted >= 6 and results.failed == 0


@pytest.mark.parametrize('page', PAGES)
def test_commands_print_what_the_page_shows(page):
  text = (ROOT / 'g3doc' / f'{page}.md').read_text(encoding='utf-8')
  shown = SHOWN.findall(text)
  assert len(shown) == text.count('```bash')
  for command, expected in shown:
    python, *arguments = shlex.split(command)
    assert python == 'python'
    result = subprocess.run(
      [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True
    )
    assert result.stdout == expected, result.stderr

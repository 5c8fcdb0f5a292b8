"""The pages on the search space show what the code prints."""

import doctest
import pathlib
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from deeplab_nas.space import arch_weights, search_space

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


def test_the_budget_of_an_example_can_be_met():
  text = (ROOT / 'g3doc' / 'strategies.md').read_text(encoding='utf-8')
  (example,) = re.findall(r'```python\n(.*?)```', text, re.DOTALL)
  space = search_space.SearchSpace()
  legal = space.lattice.legal
  weights = arch_weights.ArchWeights(
    np.full([20, 8], 1 / 8), legal / np.maximum(legal.sum(-1, keepdims=True), 1)
  )
  exec(example, {'weights': weights, 'space': space})

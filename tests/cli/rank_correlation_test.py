"""What `rank-correlation` refuses before and after it looks at files."""

import pytest

from deeplab_nas.search.trials.table import rows
from tests import command
from tests.search import pick_test


@pytest.mark.parametrize(
  ('flags', 'part'),
  [
    ((), '--run_dir is missing, such as --run_dir=runs/search'),
    (('--run_dir=run',), '--results is missing'),
    (('--run_dir=run', '--results=absent'), 'no file or folder absent'),
    (
      ('--run_dir=run', f'--results={rows.PACKAGED}', '--steps=3'),
      'expected one of',
    ),
    (
      ('--run_dir=run', f'--results={rows.PACKAGED}', '--score=luck'),
      "no score 'luck'",
    ),
    (('--run_dir=run', f'--results={rows.PACKAGED}'), 'has no checkpoint'),
    (('--num_genotypes=2',), 'num_genotypes'),
  ],
)
def test_what_does_not_fit_is_a_sentence(flags, part, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  pick_test.make_search(tmp_path / 'run')
  result = command.program('rank-correlation', *flags)
  assert any(part in line for line in command.error_lines(result))

"""What `compare-strategies` refuses before it starts."""

import pytest

from tests import command

FLAGS = {
  'config': 'camvid_compare',
  'run_dir': 'run',
  'budget': '30m',
  'data_dir': 'nowhere',
}


def run(**changed):
  flags = {k: v for k, v in {**FLAGS, **changed}.items() if v is not None}
  return command.program(
    'compare-strategies', *(f'--{k}={v}' for k, v in flags.items())
  )


@pytest.mark.parametrize(
  ('changed', 'part'),
  [
    ({'budget': None}, '--budget is missing'),
    ({'budget': 'soon'}, "expected a time such as '90s'"),
    ({'strategies': 'random,random'}, 'name each strategy once'),
    ({'num_searches': 11}, 'num_searches'),
    ({}, 'The data is not at'),
  ],
)
def test_what_does_not_fit_is_a_sentence(changed, part, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  result = run(**changed)
  assert result.returncode == 2
  assert part in result.stderr
  assert not (tmp_path / 'run').exists()

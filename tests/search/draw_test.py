"""Every strategy comes up in some slow test of what a search has to bear."""

import pathlib

import pytest

from deeplab_nas.config import config as config_lib
from tests.search import draw
from tests.search.relaxed import toy

SOAKS = ('two workers, killed', 'many kills')
SEEDS = range(20)


@pytest.mark.parametrize('seed', SEEDS)
def test_all_come_up(seed):
  """In what runs before every merge."""
  drawn = draw.drawn(seed)
  found = [each for case, each in drawn.items() if case not in SOAKS]
  assert {each.strategy for each in found} == {*toy.RELAXED}
  assert {each.kind for each in found} == {
    draw.PLAIN,
    draw.GLOBAL,
    draw.BUDGET,
  }


def test_cases_run_what_they_can_and_others_by_another_seed():
  drawn = [draw.drawn(seed) for seed in SEEDS]
  for name, case in draw.CASES.items():
    found = [each[name] for each in drawn]
    assert {x.strategy for x in found} <= {*case.strategies}
    assert {x.kind for x in found} <= {*case.kinds}
    assert len(set(found)) > 3
    for each in found:
      config = config_lib.load('quickstart', each.flags)
      assert config.search.strategy == each.strategy
      assert config == config_lib.Config.from_dict(
        draw.merged(config_lib.load('quickstart').to_dict(), each.settings)
      )


def test_every_case_is_one_of_a_test():
  folder = pathlib.Path(__file__).parents[1]
  text = ''.join(path.read_text() for path in folder.rglob('*_test.py'))
  for case in draw.CASES:
    assert f"draw.of('{case}')" in text

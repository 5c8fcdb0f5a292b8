"""A search of a comparison: its process, its end and its failure."""

import json

import pytest

from deeplab_nas import errors
from deeplab_nas.search.contest import plan as plan_lib
from deeplab_nas.search.contest import searches
from tests.search.trials import run_test


def test_a_search_that_fails_is_named_with_its_last_words(records, tmp_path):
  settings = run_test.settings(records)
  settings['data']['dir'] = str(tmp_path / 'nowhere')
  path = tmp_path / 'config.yaml'
  path.write_text(json.dumps(settings))
  plan = plan_lib.build(
    str(path), (), None, ['random'], num_searches=1, seconds=9.0, num_seeds=1
  )
  [search] = plan.searches
  folder = tmp_path / 'searches'
  with pytest.raises(errors.UserError) as error:
    searches.run(plan, search, folder)
  assert 'The search random_0 ended with 2: ' in str(error.value)
  assert 'nowhere' in str(error.value)
  assert str(folder / 'random_0.log') in str(error.value)
  assert not searches.is_done(folder, search)

from __future__ import annotations

import pytest

from deeplab_nas import errors
from deeplab_nas.serving import versions


def model_at(path):
  path.mkdir(parents=True)
  (path / versions.MODEL_FILE).write_bytes(b'')
  return path


def test_versions_count_up_from_the_largest(tmp_path):
  base = tmp_path / 'a' / 'b'
  for expected in ('1', '2'):
    with versions.staging(base) as stage:
      (stage.path / 'file').write_text('x')
      assert stage.publish() == base / expected
  (base / '12').mkdir()
  (base / 'notes').mkdir()
  with versions.staging(base) as stage:
    assert stage.publish().name == '13'
  assert versions.existing(base) == [1, 2, 12, 13]


def test_nothing_shows_before_the_end(tmp_path):
  with versions.staging(tmp_path) as stage:
    (stage.path / versions.MODEL_FILE).write_bytes(b'half')
    assert versions.existing(tmp_path) == []
    assert stage.path.parent == tmp_path and stage.path.name[0] == '.'
    stage.publish()
  assert [path.name for path in tmp_path.iterdir()] == ['1']


def test_a_failure_leaves_nothing(tmp_path):
  with pytest.raises(ValueError), versions.staging(tmp_path / 'new') as stage:
    (stage.path / 'file').write_text('x')
    raise ValueError
  assert list(tmp_path.iterdir()) == []


def test_a_number_taken_meanwhile_is_passed_over(tmp_path):
  with versions.staging(tmp_path) as stage:
    model_at(tmp_path / '1')
    assert stage.publish().name == '2'


def test_base_and_version_folder_are_both_found(tmp_path):
  model_at(tmp_path / '2')
  newest = model_at(tmp_path / '10')
  (tmp_path / '11').mkdir()  # not there yet
  assert versions.find(tmp_path) == newest
  assert versions.find(tmp_path / '2') == tmp_path / '2'


def test_what_is_no_model_is_refused(tmp_path):
  with pytest.raises(errors.UserError, match='holds no exported model'):
    versions.find(tmp_path)
  with pytest.raises(errors.UserError, match='is not a folder'):
    versions.find(tmp_path / 'missing')
  model_at(tmp_path / '1')
  with (
    pytest.raises(errors.UserError, match='itself a version'),
    versions.staging(tmp_path / '1'),
  ):
    pass

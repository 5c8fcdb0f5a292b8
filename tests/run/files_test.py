"""Files of a run folder: whole, or named with what to do."""

import pytest

from deeplab_nas import errors, safe_json
from deeplab_nas.run import files as run_files


def test_a_mapping_is_read(tmp_path):
  path = tmp_path / 'run.json'
  path.write_text('{"mode": "train"}')
  assert run_files.read(path, safe_json.parse) == {'mode': 'train'}


@pytest.mark.parametrize('content', [b'', b'[]', b'\xff', b'[' * 100_000])
def test_all_else_is_damaged(tmp_path, content):
  path = tmp_path / 'run.json'
  path.write_bytes(content)
  with pytest.raises(errors.UserError, match='run.json is damaged: restore it'):
    run_files.read(path, safe_json.parse, run_files.RESTORE)

"""Files of JSON, whole and otherwise."""

import json

import pytest

from deeplab_nas import safe_json


@pytest.mark.parametrize(
  'text', ['{"a": [1, 2.5, null, "b"]}', '[]', '9007199254740993', 'NaN', b'{}']
)
def test_it_reads_what_json_reads(text):
  assert repr(safe_json.parse(text)) == repr(json.loads(text))


def test_pairs_are_given_on():
  assert safe_json.parse('{"a": 1, "a": 2}', list) == [('a', 1), ('a', 2)]


@pytest.mark.parametrize(
  'text, reason',
  [
    ('{"a"', 'delimiter'),
    ('', 'Expecting value'),
    ('[' * 100_000, 'nested too deeply'),
    ('{"a":' * 100_000, 'nested too deeply'),
    ('[1' + 400 * '0' + ']', '401 digits'),
    ('1' * 5000, 'digits'),
  ],
)
def test_all_else_is_a_value_error(text, reason):
  with pytest.raises(ValueError, match=reason):
    safe_json.parse(text)

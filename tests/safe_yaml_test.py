from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas import safe_yaml

BOMB = 'a: &a0 [x, x]\n' + ''.join(
  f'b{i}: &a{i + 1} [*a{i}, *a{i}]\n' for i in range(60)
)
REFUSED = {
  'aliases': (BOMB, r'line 2 has the alias \*a0'),
  'itself': ('&a [*a]', r'line 1 has the alias \*a'),
  'merge': ('a: &a {b: 1}\nc: {<<: *a}', r'line 2 has the alias \*a'),
  'object': ('!!python/object/apply:os.getcwd []', 'python/object/apply'),
  'depth': ('[' * 10_000, 'nested too deeply'),
  'depth of mappings': ('{a: ' * 10_000, 'nested too deeply'),
  'twice': ('{a: 1, a: 2}', "'a' occurs twice"),
  'key': ('? [a]\n: 1', 'line 1 has a key that is no text'),
  'no date': ('!!timestamp x', 'does not fit its tag'),
  'no boolean': ('!!bool x', 'does not fit its tag'),
  'no number': ('!!int ""', 'does not fit its tag'),
  'NUL': ('a: \0', 'unacceptable character'),
  'size': ('a' * 100_001, 'more than 100000 characters'),
  'two documents': ('a\n---\nb', 'single document'),
}


def test_plain_values_are_read():
  text = 'a: [1, 2.5, true, null, "x"]\nb: {c: 2001-01-01}'
  assert safe_yaml.parse(text)['a'] == [1, 2.5, True, None, 'x']
  assert safe_yaml.parse('') is None


@pytest.mark.parametrize('case', REFUSED)
def test_all_else_is_refused_in_one_line(case):
  text, words = REFUSED[case]
  with pytest.raises(ValueError, match=words) as refusal:
    safe_yaml.parse(text)
  assert '\n' not in str(refusal.value)


TOKENS = [
  'a',
  'b',
  '1',
  '0x',
  '-',
  '- ',
  ': ',
  '? ',
  '\n',
  '  ',
  '[',
  ']',
  '{',
  '}',
  ',',
  '!!',
  '!!int ',
  '!!float ',
  '!!bool ',
  '!!timestamp ',
  '!!binary ',
  '!!set ',
  '!!omap ',
  '!!pairs ',
  '!!map ',
  '!!seq ',
  '!!str ',
  '!!null ',
  '!!python/name:os.system ',
  '&a ',
  '*a',
  '<<: ',
  '|\n',
  '>',
  '%',
  '@',
  '---\n',
  '...',
  '2001-99-99',
  '1:60',
  '.inf',
  "'",
  '"',
  '\\',
  '\0',
  'é',
]


@settings(max_examples=1000, deadline=None, derandomize=True, database=None)
@given(st.lists(st.sampled_from(TOKENS), max_size=12).map(''.join) | st.text())
def test_any_text_is_parsed_or_refused(text):
  try:
    safe_yaml.parse(text)
  except ValueError as error:
    assert '\n' not in str(error)

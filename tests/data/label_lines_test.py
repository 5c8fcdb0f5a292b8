from __future__ import annotations

import pytest

from deeplab_nas.data import label_lines

RED, BLUE = (255, 0, 0), (0, 0, 255)
PLAIN = (
  '- sky\n- old town\n',
  '* "sky"\n\n* "old town"',
  'sky\nold town\n',
  '"sky"\n\'old town\'\n',
  '"sky",\n"old town"\n',
  '0 sky\n1 old town',
  '0\tsky\n1\told town',
  '1: old town\n0: sky',
  '0;sky\n1;old town',
  '0=sky\n1=old town',
  '0. sky\n1. old town',
  '0) sky\n1) old town',
  '0 - sky\n1 - old town',
  '0|sky\n1|old town',
  'sky 0\nold town 1',
  'old town: 1\nsky: 0',
  'sky,0\nold town,1',
  '__ignore__\nsky\nold town',
  'sky\nold town\n255 void',
  '-1 x\nsky\nold town',
  '0 sky\n1 old town\n255 void',
  'sky 0\nold town 1\nvoid 255',
  'Pixel Value, Class\n0, sky\n1, old town\n',
  'id;name\n0;sky\n1;"old town"\n',
  'Idx\tRatio\tStuff\tName\n0\t0.15\t1\tsky\n1\t0.11\t1\told town',
  'id name\n0 sky\n1 old town',
  'Label Id\nsky 0\nold town 1',
  'sky  # above\nold town # below',
  '# label:color_rgb:parts:actions\nsky:::\nold town::a,b:\n',
)


def classes(text: str) -> list[tuple]:
  """(name, colour) in index order, without what is ignored."""
  entries = [
    entry
    for entry in label_lines.parse(text)
    if not entry.get('ignore')
    and entry.get('id') not in label_lines.IGNORED_IDS
    and entry['name'] != '__ignore__'
  ]
  if all('id' in entry for entry in entries):
    entries.sort(key=lambda entry: entry['id'])
  return [(entry['name'], entry.get('color')) for entry in entries]


@pytest.mark.parametrize('text', PLAIN)
def test_names_are_read(text):
  assert classes(text) == [('sky', None), ('old town', None)]


@pytest.mark.parametrize(
  'line',
  [
    '{name} {r} {g} {b}',
    '{name}\t{r}\t{g}\t{b}',
    '{name};{r};{g};{b}',
    '{name},{r},{g},{b}',
    '{name}: {r}, {g}, {b}',
    '{name}: [{r}, {g}, {b}]',
    '{name} ({r}, {g}, {b})',
    '{name} rgb({r},{g},{b})',
    '"{name}" {r} {g} {b}',
    '{name}:{r},{g},{b}::',
    '{name}:{r},{g},{b}:head,arm:walk',
    '{name} {r} {g} {b} 255',
    '{name}={r},{g},{b}',
    '{name}|{r}|{g}|{b}',
    '{name} {hex}',
    '{name}: {hex}',
    '{name};{hex}',
    '{name}, {HEX},',
    '{hex} {name}',
    '{hex};{name}',
    '{name} {hex}ff',
    '{name} 0x{bare}',
    '{name} {short}',
    '{short} {name}',
    '{name} {index} {r} {g} {b}',
    '{name};{index};{hex}',
    '{index} {name} {r} {g} {b} 255',
    '{index} {name}  {r}  {g}  {b}  0',
    '"{name}","{hex}"',
    '{r} {g} {b} {name}',
    '{r};{g};{b};{name}',
    '({r}, {g}, {b}) {name}',
    '{index} {name} {r} {g} {b}',
    '{index};{name};{r};{g};{b}',
    '{index}: {name} {hex}',
    '{index}\t{name}\t{hex}',
  ],
)
def test_colours_are_read(line):
  text = '\n'.join(
    line.format(
      index=index,
      name=name,
      **dict(zip('rgb', colour)),
      bare=bytes(colour).hex(),
      short='#' + bytes(colour).hex()[::2],
      hex=bytes(colour).hex().join(['#', '']),
      HEX=bytes(colour).hex().upper().join(['#', '']),
    )
    for index, (name, colour) in enumerate((('sky', RED), ('old town', BLUE)))
  )
  assert classes(text) == [('sky', RED), ('old town', BLUE)]


TABLES = (
  'name,r,g,b\nsky,255,0,0\nold town,0,0,255\n',
  'Class Name\tRed\tGreen\tBlue\nsky\t255\t0\t0\nold town\t0\t0\t255\n',
  'id, label, color\n1, old town, #0000ff\n0, sky, #ff0000\n',
  'r;g;b;class\n255;0;0;sky\n0;0;255;old town\n',
)


@pytest.mark.parametrize('text', TABLES)
def test_tables_are_read_by_their_head(text):
  assert classes(text) == [('sky', RED), ('old town', BLUE)]


@pytest.mark.parametrize(
  ('text', 'names'),
  [
    ('2 wheeler\ncar', ['2 wheeler', 'car']),
    ('lane 1\nlane 2', ['lane 1', 'lane 2']),
    ('building, edifice\nwall', ['building, edifice', 'wall']),
    ('_background_\ncat', ['_background_', 'cat']),
    ('C3PO\n4x4', ['C3PO', '4x4']),
    ('# a comment\nsky\n#another\nroad', ['sky', 'road']),
    ("driver's cab\nroad", ["driver's cab", 'road']),
    ('0\n1\n2', ['0', '1', '2']),
    ('lane #2\nroad', ['lane #2', 'road']),
    ('facade\nroad decade', ['facade', 'road decade']),
    ('0 lane 0 0 0 0\n1 lane 1 255 0 0', ['lane 0', 'lane 1']),
  ],
)
def test_odd_names_stay_names(text, names):
  assert [name for name, _ in classes(text)] == names


@pytest.mark.parametrize(
  'text',
  [
    'sky\nred #ff00',
    '2\nsky\nroad',
    '// classes\nsky\nroad',
    '/* classes */\nsky\nroad',
    '| id | name |\n|---|---|\n| 0 | sky |',
    'classes\n-------\nsky',
    'sky: blue\nroad: grey',
    'sky 0000ff\nroad 000000',
    'red #ff0000 #00ff00\nsky',
    'sky 1 2 3 4 5',
    '0\t0.1\t5\tsky',
    'sky 0.5 0.1 0.2\nroad 1 0 0',
    'red 1 2 3000\nb',
    '0 sky\nroad\ncar',
    'sky\n1 road\ncar',
    'sky, road, car',
    'a;b',
    '<labels>\n<name>sky</name>',
    'sky: {\n}',
    '0 255 0 0 1 red\n1 b',
    *(
      'class\nsky\nroad',
      'Class_Names:\nsky',
      'categories\nsky',
      ',name\n0,sky',
    ),
    'name,r,g,b\nsky,255,0',
    'name,r,g,b\nsky,255,0,x',
    'id,name\n0,sky\none,road',
    'name,r,g,b\nsky,1,2,3,4',
  ],
)
def test_lines_that_are_not_understood_are_refused(text):
  with pytest.raises(ValueError, match='line|row'):
    label_lines.parse(text)

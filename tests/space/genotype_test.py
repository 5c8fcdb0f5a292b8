"""Genotypes are values: equal networks are equal, bad ones are explained."""

import dataclasses
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas.space import CellSpace, Genotype, SearchSpace, zoo
from deeplab_nas.space.genotype import GenotypeError
from tests.space import canonical_test

TINY = {
  'version': 1,
  'path': [0, 1],
  'cell': [
    [['prev', 'skip_connect'], ['prev_prev', 'skip_connect']],
    [['block_0', 'sep_conv_3x3'], ['prev', 'none']],
  ],
}


def tiny(**changes):
  return json.dumps({**TINY, **changes})


@settings(max_examples=100, deadline=None)
@given(canonical_test.cells(max_blocks=10))
def test_canonical_form_is_stable_and_survives_json(cell):
  genotype = Genotype((0, 1, 0), cell)
  assert Genotype(genotype.path, genotype.cell).cell == genotype.cell
  assert Genotype.from_json(genotype.to_json()) == genotype
  counted = sorted(primitive for block in cell for _, primitive in block)
  assert counted == sorted(name for _, name in genotype.edges())


def test_different_networks_are_different_values():
  published = zoo.load('auto_deeplab')
  rng = np.random.default_rng(0)
  space = SearchSpace(CellSpace(3))
  seen = {space.random(rng) for _ in range(300)}
  assert len({genotype.digest for genotype in seen}) == len(seen) == 300
  other_path = dataclasses.replace(published, path=(0,) * 12)
  assert other_path != published and other_path.digest != published.digest


def test_digest_is_fixed():
  # It names experiments and files, so a change would orphan them.
  assert zoo.load('auto_deeplab').digest == 'a33a055018e5'


def test_genotypes_can_be_pickled_and_used_as_keys():
  genotype = zoo.load('auto_deeplab')
  copy = pickle.loads(pickle.dumps(genotype))
  assert {genotype: 1}[copy] == 1


def test_json_is_short_and_readable():
  assert Genotype.from_json(json.dumps(TINY)).to_json() == (
    '{"version": 1,\n'
    ' "path": [0, 1],\n'
    ' "cell": [[["prev", "skip_connect"], ["prev_prev", "skip_connect"]],\n'
    '          [["block_0", "sep_conv_3x3"], ["prev", "none"]]]}\n'
  )


def test_edges_name_sources_and_blocks():
  genotype = Genotype.from_json(json.dumps(TINY))
  assert [(tuple(edge), name) for edge, name in genotype.edges()] == [
    ((0, 0), 'skip_connect'),
    ((1, 0), 'skip_connect'),
    ((2, 1), 'sep_conv_3x3'),
    ((0, 1), 'none'),
  ]


def test_numpy_levels_become_integers():
  genotype = Genotype(np.array([0, 1]), TINY['cell'])
  assert genotype == Genotype((0, 1), TINY['cell'])
  assert [type(level) for level in genotype.path] == [int, int]


DEEP = '[' * 400 + ']' * 400
TWO = [['prev', 'skip_connect']] * 2

MALFORMED = {
  'empty': ('', 'has to be JSON'),
  'truncated': (tiny()[:-1], 'has to be JSON'),
  'nothing but depth': ('[' * 100_000, 'has to be JSON'),
  'too many digits': ('1' * 10_000, 'has to be'),
  'byte order mark': ('\ufeff' + tiny(), 'has to be JSON'),
  'bytes that are no text': (b'\xff\xfe\x00', 'has to be JSON'),
  'no string at all': (None, 'has to be JSON'),
  'null': ('null', 'JSON object with "version", "path" and "cell".* NoneType'),
  'list': ('[1]', 'JSON object .* this is a list'),
  'NaN': ('NaN', 'JSON object .* this is a float'),
  'unknown field': (tiny(paths=[0]), "has no field 'paths'"),
  'unknown unicode field': (tiny(**{'päth\ud800': 1}), 'has no field .p'),
  'long unknown field': (tiny(**{'x' * 10_000: 1}), "has no field 'xxx.*"),
  'no version': ('{"path": [0], "cell": []}', 'needs the field "version"'),
  'no path': ('{"version": 1, "cell": []}', 'needs the field "path"'),
  'no cell': ('{"version": 1, "path": [0]}', 'needs the field "cell"'),
  'version 2': (tiny(version=2), '"version" is 2; .*, a newer one may read it'),
  'version true': (tiny(version=True), '"version" is True'),
  'version 1.0': (tiny(version=1.0), '"version" is 1.0'),
  'version string': (tiny(version='1'), '"version" is .1.'),
  'version list': (tiny(version=[1]), r'"version" is \[1\]'),
  'version NaN': (tiny(version=float('nan')), '"version" is nan'),
  'path null': (tiny(path=None), '"path" is None, expected a list'),
  'path string': (tiny(path='0012'), '"path" is .0012.'),
  'path number': (tiny(path=3), '"path" is 3'),
  'path object': (tiny(path={'0': 1}), '"path" is {'),
  'path empty': (tiny(path=[]), '"path" is empty'),
  'path true': (tiny(path=[0, True]), '"path" has True in layer 2'),
  'path float': (tiny(path=[0.0]), '"path" has 0.0 in layer 1'),
  'path NaN': (tiny(path=[float('nan')]), '"path" has nan in layer 1'),
  'path infinite': (tiny(path=[float('inf')]), '"path" has inf in layer 1'),
  'path of null': (tiny(path=[0, None]), '"path" has None in layer 2'),
  'path of lists': (tiny(path=[[0]]), r'"path" has \[0\] in layer 1'),
  'path negative': (tiny(path=[0, -1]), '"path" goes from level 0 to -1'),
  'path starts low': (tiny(path=[2]), '"path" goes from level 0 to 2 in lay'),
  'path jumps': (tiny(path=[1, 3]), '"path" goes from level 1 to 3 in layer 2'),
  'path huge': (tiny(path=[10**300]), '"path" goes from level 0 to 1000'),
  'path beyond floats': (tiny(path=[10**4000]), 'a number has 4001 digits'),
  'path long': (tiny(path=[0] * 501), '"path" has 501 layers, expected at'),
  'path high': (tiny(path=list(range(11))), '"path" has level 10 in layer 11'),
  'path deep': (tiny(path=0).replace('0,', DEEP + ',', 1), '"path" has'),
  'cell null': (tiny(cell=None), '"cell" is None, expected a list of blocks'),
  'cell string': (tiny(cell='prev'), '"cell" is .prev.'),
  'cell object': (tiny(cell={'prev': 1}), '"cell" is {'),
  'cell empty': (tiny(cell=[]), '"cell" has 0 blocks, expected 1 to 10'),
  'cell too large': (tiny(cell=[TWO] * 5000), '"cell" has 5000 blocks'),
  'block null': (tiny(cell=[None]), '"cell" block 0 is None'),
  'block string': (tiny(cell=['ab']), '"cell" block 0 is .ab., expected two'),
  'block of one': (tiny(cell=[TWO, TWO[:1]]), '"cell" block 1 is .*expected'),
  'block of three': (tiny(cell=[TWO + TWO[:1]]), '"cell" block 0 is .*two'),
  'block deep': (tiny(cell=[1]).replace('[1]', DEEP), '"cell" block 0 is'),
  'connection null': (tiny(cell=[[None, None]]), '"cell" block 0 has None'),
  'connection string': (tiny(cell=[['ab', 'cd']]), 'block 0 has .ab., expec'),
  'connection of three': (
    tiny(cell=[[['prev', 'none', 1], TWO[0]]]),
    r'"cell" block 0 has .*expected \[source, primitive\]',
  ),
  'source unknown': (
    tiny(cell=[[['next', 'none'], TWO[0]]]),
    '"cell" block 0 reads .next.; it may read prev, prev_prev$',
  ),
  'source itself': (
    tiny(cell=[TWO, [['block_1', 'none'], TWO[0]]]),
    '"cell" block 1 reads .block_1.; it may read prev, prev_prev, block_0$',
  ),
  'source number': (tiny(cell=[[[0, 'none'], TWO[0]]]), 'block 0 reads 0;'),
  'source list': (tiny(cell=[[[[], 'none'], TWO[0]]]), r'reads \[\];'),
  'source unicode': (
    tiny(cell=[[['prev\u200b', 'none'], TWO[0]]]),
    r'block 0 reads .prev\\u200b.; it may read prev, ',
  ),
  'primitive unknown': (
    tiny(cell=[[['prev', 'conv_7x7'], TWO[0]]]),
    '"cell" block 0 has the primitive .conv_7x7.; known are none, max_pool',
  ),
  'primitive null': (
    tiny(cell=[[['prev', None], TWO[0]]]),
    '"cell" block 0 has the primitive None; known are',
  ),
  'primitive object': (
    tiny(cell=[[['prev', {}], TWO[0]]]),
    '"cell" block 0 has the primitive {}; known are',
  ),
}


@pytest.mark.parametrize('case', MALFORMED)
def test_malformed_json_gives_a_sentence_that_names_the_field(case):
  text, message = MALFORMED[case]
  with pytest.raises(GenotypeError, match=message) as error:
    Genotype.from_json(text)
  assert len(str(error.value)) < 400


@pytest.mark.parametrize(
  'path',
  [
    (10**5000,),
    (np.array([0, 1]),),
    (np.bool_(True),),
    np.array([0.5]),
    np.array([[0]]),
    b'\0',
    iter([]),
  ],
  ids=['huge', 'array', 'bool', 'float', '2d', 'bytes', 'iterator'],
)
def test_malformed_values_are_refused_too(path):
  with pytest.raises(GenotypeError, match='"path"'):
    Genotype(path, TINY['cell'])


@settings(max_examples=100, deadline=None)
@given(
  st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(['prev', 'block_0', 'none', 'skip_connect']),
    lambda inner: (
      st.lists(inner, max_size=3)
      | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=12,
  ),
  st.sampled_from(['version', 'path', 'cell', 'other', None]),
)
def test_any_json_is_a_genotype_or_a_genotype_error(value, field):
  text = json.dumps(value if field is None else {**TINY, field: value})
  try:
    genotype = Genotype.from_json(text)
  except GenotypeError:
    return
  assert Genotype.from_json(genotype.to_json()) == genotype


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_any_change_of_a_file_gives_a_genotype_or_a_genotype_error(
  tmp_path_factory, data
):
  content = bytearray(tiny().encode())
  for _ in range(data.draw(st.integers(1, 4))):
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 8, len(content))))
    content[start:end] = data.draw(
      st.binary(max_size=6)
      | st.sampled_from([b'NaN', b'-1', b'1e999', b'null', b'[[', b'"', b'{}'])
    )
  path = tmp_path_factory.getbasetemp() / 'changed.json'
  path.write_bytes(content)
  try:
    genotype = Genotype.load(path)
  except GenotypeError as error:
    assert str(error).startswith(f'{path}: ')
    return
  assert Genotype.from_json(genotype.to_json()) == genotype


def test_a_huge_file_is_refused_unread(tmp_path):
  path = tmp_path / 'huge.json'
  with open(path, 'wb') as file:
    file.truncate(10**9)
  with pytest.raises(GenotypeError, match='more than 1 MiB'):
    Genotype.load(path)


def test_files_round_trip(tmp_path):
  genotype = zoo.load('auto_deeplab')
  genotype.save(tmp_path / 'genotype.json')
  assert Genotype.load(str(tmp_path / 'genotype.json')) == genotype
  assert [path.name for path in tmp_path.iterdir()] == ['genotype.json']


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
  path = tmp_path / 'genotype.json'
  path.write_text('old')
  monkeypatch.setattr(Genotype, 'to_json', lambda self: 1)
  with pytest.raises(TypeError):
    zoo.load('auto_deeplab').save(path)
  assert path.read_text() == 'old'


def test_unreadable_files_give_a_sentence_with_their_path(tmp_path):
  (tmp_path / 'binary').write_bytes(bytes(range(128, 256)))
  (tmp_path / 'empty').write_text('')
  (tmp_path / 'folder').mkdir()
  (tmp_path / 'wrong').write_text(tiny(path=[7]))
  cases = {
    'missing': 'No such file or directory',
    'folder': 'No such file or directory',
    'binary': 'it is not UTF-8 text',
    'empty': 'a genotype has to be JSON: Expecting value',
    'wrong': '"path" goes from level 0 to 7 in layer 1',
    'nul\0byte': 'no path may hold a zero byte',
  }
  for name, message in cases.items():
    path = f'{tmp_path}/{name}'
    read = f'{path}/genotype.json' if name == 'folder' else path
    with pytest.raises(GenotypeError) as error:
      Genotype.load(path)
    assert str(error.value).startswith(f'{read}: {message}')


def test_repeated_fields_are_refused():
  text = '{"version": 1, "path": [0], "path": [1], "cell": []}'
  with pytest.raises(GenotypeError, match='twice'):
    Genotype.from_json(text)


def test_a_notebook_shows_the_picture():
  content = zoo.load('auto_deeplab')._repr_png_()
  assert content.startswith(b'\x89PNG') and len(content) > 10_000

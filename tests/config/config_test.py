"""Settings: what is read, what is refused, and in which words."""

import dataclasses
import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from deeplab_nas.config import presets


def refusal(path_or_preset, *overrides):
  with pytest.raises(errors.UserError) as caught:
    config_lib.load(str(path_or_preset), overrides)
  return str(caught.value)


@pytest.fixture
def file(tmp_path):
  def write(text):
    path = tmp_path / 'config.yaml'
    path.write_text(text, encoding='utf-8')
    return str(path)

  return write


def test_the_defaults_are_the_papers():
  space = config_lib.SpaceConfig().build()
  assert space.cell.num_cells == 556627761561600
  assert space.lattice.num_paths == 75025
  assert space.filter_multiplier == 8
  search = config_lib.SearchConfig()
  assert (search.epochs, search.arch_start_epoch) == (40, 20)
  assert (search.learning_rate, search.end_learning_rate) == (0.025, 0.001)
  assert (search.arch_learning_rate, search.arch_weight_decay) == (3e-3, 1e-3)
  assert (search.momentum, search.weight_decay) == (0.9, 3e-4)
  assert config_lib.DataConfig().crop_size == (321, 321)
  assert config_lib.DataConfig().batch_size == 2


def test_a_file_changes_only_what_it_names(file):
  loaded = config_lib.load(
    file('search: {epochs: 30}\ndata: {crop_size: [65, 97]}')
  )
  expected = config_lib.Config(
    data=config_lib.DataConfig(crop_size=(65, 97)),
    search=config_lib.SearchConfig(epochs=30),
  )
  assert loaded == expected


@pytest.mark.parametrize('text', ['', '{}', '# nothing', 'search: {}'])
def test_an_empty_file_is_the_defaults(file, text):
  assert config_lib.load(file(text)) == config_lib.Config()


def test_overrides_win_over_the_file_and_over_earlier_ones(file):
  path = file('search: {epochs: 30}')
  loaded = config_lib.load(path, ['search.epochs=31', 'search.epochs=32'])
  assert loaded.search.epochs == 32


def test_two_folders_of_data_are_refused():
  found = config_lib.load('quickstart', ['data.dir=a'], 'a')
  assert found.data.dir == 'a'
  with pytest.raises(errors.UserError, match='--set=data.dir=b differ'):
    config_lib.load('quickstart', ['data.dir=b'], 'a')


def test_an_empty_override_is_an_empty_text():
  loaded = config_lib.load('quickstart', ['data.val_split='])
  assert loaded.data.val_split == ''


@pytest.mark.parametrize(
  'override, section, key, value',
  [
    ('search.learning_rate=3e-2', 'search', 'learning_rate', 0.03),
    ('search.gradient_clip=5', 'search', 'gradient_clip', 5.0),
    ('search.gradient_clip=null', 'search', 'gradient_clip', None),
    ('data.crop_size=[65, 33]', 'data', 'crop_size', (65, 33)),
    ('data.flip=false', 'data', 'flip', False),
    ('data.dir=/a=b/c', 'data', 'dir', '/a=b/c'),
    (' runtime.seed = 3', 'runtime', 'seed', 3),
  ],
)
def test_overrides_are_yaml(override, section, key, value):
  loaded = config_lib.load('quickstart', [override])
  assert getattr(getattr(loaded, section), key) == value


@pytest.mark.parametrize('name', presets.PRESETS)
def test_yaml_reads_back_to_an_equal_config(file, name):
  loaded = config_lib.load(name, ['data.dir="12"', 'search.gradient_clip=5'])
  assert config_lib.load(file(loaded.to_yaml())) == loaded


@pytest.mark.parametrize(
  'text, sentence',
  [
    ('serach: {}', 'There is no setting serach: '),
    ('search: {epoch: 3}', 'did you mean search.epochs?'),
    ('search: {crop_size: 3}', 'did you mean data.crop_size?'),
    ('epochs: 3', 'did you mean search.epochs?'),
    ('search: 3', 'search is 3, expected settings by name'),
    ('search:', 'search is None, expected settings by name'),
    ('- search', "holds ['search'], expected the sections"),
    (
      '3',
      'holds 3, expected the sections space, data, search, network, train,',
    ),
    ('search: {epochs: 3, epochs: 4}', "'epochs' occurs twice"),
    ('search: {epochs: [}', 'cannot be read'),
    ('search: {1: 2}', 'There is no setting search.1'),
  ],
)
def test_a_wrong_file_is_refused_in_a_sentence(file, text, sentence):
  message = refusal(file(text))
  assert sentence in message
  assert '\n' not in message


@pytest.mark.parametrize(
  'override, sentence',
  [
    ('search.epochs', 'has no value'),
    ('search.epoch=1', 'did you mean search.epochs?'),
    ('epochs=1', 'did you mean search.epochs?'),
    ('nothing.at.all=1', 'the sections are space, data, search, network, '),
    ('search={epochs: 1}', 'There is no setting search'),
    ('search.epochs=[', 'cannot be read'),
    ('search.epochs=', 'search.epochs is None, expected a whole number'),
    ('search.epochs=ten', "search.epochs is 'ten', expected a whole number"),
    ('search.epochs=2.5', 'search.epochs is 2.5, expected a whole number'),
    ('data.flip=1', 'data.flip is 1, expected true or false.'),
    ('space.primitives=all', 'one of auto_deeplab, darts, pnasnet, hb1.'),
    ('space.num_blocks=11', 'at least 1, at most 10.'),
    ('space.partial_channels=0', 'expected a whole number, at least 1.'),
    (
      'space.partial_channels=3',
      'space.partial_channels is 3, expected a divisor of'
      ' space.filter_multiplier, which is 4.',
    ),
    ('data.min_scale=3', 'expected at most data.max_scale, which is 2.'),
    ('search.end_learning_rate=1', 'expected at most search.learning_rate'),
    ('search.precision=mixed_float16', 'one of float32, mixed_bfloat16.'),
    ('search.arch_start_epoch=99', 'expected less than search.epochs'),
  ],
)
def test_a_wrong_override_is_refused_in_a_sentence(override, sentence):
  message = refusal('quickstart', override)
  assert sentence in message
  assert '\n' not in message


def test_yaml_builds_no_objects(file, tmp_path):
  victim = tmp_path / 'victim'
  text = f'!!python/object/apply:os.mkdir ["{victim}"]'
  assert 'cannot be read' in refusal(file(f'data: {{dir: {text}}}'))
  assert 'cannot be read' in refusal('quickstart', f'data.dir={text}')
  assert not victim.exists()


def test_few_lines_cannot_stand_for_billions(file, tmp_path):
  lines = ['- &a0 [x, x]'] + [f'- &a{i + 1} [*a{i}, *a{i}]' for i in range(60)]
  text = 'search: {epochs: [' + ', '.join(x[2:] for x in lines) + ']}'
  assert 'has the alias *a0' in refusal(file(text))
  assert 'has the alias *a0' in refusal('quickstart', f'data.dir={text[17:-1]}')
  with open(tmp_path / 'huge.yaml', 'wb') as huge:
    huge.truncate(10**9)
  assert 'more than 1 MiB' in refusal(tmp_path / 'huge.yaml')


VALUES = st.recursive(
  st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
  lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=2)
  ),
  max_leaves=6,
)


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_any_settings_are_a_config_or_a_user_error(data):
  nested = config_lib.Config().to_dict()
  section = data.draw(st.sampled_from(sorted(nested)))
  key = data.draw(st.sampled_from(sorted(nested[section])) | st.text())
  value = data.draw(VALUES)
  try:
    loaded = config_lib.Config.from_dict({section: {key: value}})
  except errors.UserError as error:
    assert len(str(error).splitlines()) == 1 and len(str(error)) < 500
    return
  assert config_lib.Config.from_dict(loaded.to_dict()) == loaded


@settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_any_change_of_a_file_gives_a_config_or_a_user_error(
  tmp_path_factory, data
):
  content = bytearray(config_lib.load('quickstart').to_yaml().encode())
  for _ in range(data.draw(st.integers(1, 3))):
    start = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(start, min(start + 8, len(content))))
    content[start:end] = data.draw(
      st.binary(max_size=4)
      | st.sampled_from([b'!!bool ', b'!!int ', b'*a', b'&a ', b'{', b'[['])
    )
  path = tmp_path_factory.getbasetemp() / 'changed.yaml'
  path.write_bytes(content)
  try:
    loaded = config_lib.load(str(path))
  except errors.UserError as error:
    assert (
      str(path) in str(error)
      or 'expected' in str(error)
      or 'no setting' in str(error)
      or 'makes no use of' in str(error)
    )
    return
  assert config_lib.Config.from_dict(loaded.to_dict()) == loaded


def test_neither_file_nor_preset_lists_the_presets(tmp_path):
  message = refusal(tmp_path / 'missing.yaml')
  assert 'neither a file nor a preset' in message
  assert 'paper_cityscapes' in message
  assert 'neither a file nor a preset' in refusal(tmp_path)


def test_a_file_that_is_no_text_is_refused(tmp_path):
  path = tmp_path / 'config.yaml'
  path.write_bytes(b'\xff\xfe\x00\x80')
  assert 'cannot be read' in refusal(path)


def test_records_are_values():
  assert hash(config_lib.Config()) == hash(config_lib.Config())
  with pytest.raises(dataclasses.FrozenInstanceError):
    config_lib.Config().search.epochs = 3


def test_reading_settings_imports_no_tensorflow():
  program = (
    'import sys\n'
    'from deeplab_nas.config import config\n'
    'config.load("quickstart").space.build()\n'
    'sys.exit("tensorflow" in sys.modules)\n'
  )
  assert subprocess.run([sys.executable, '-c', program]).returncode == 0


@pytest.mark.parametrize(
  'name, expected',
  [
    ('nan_policy', 'runtime.nan_policy'),
    ('num_layers', 'space.num_layers'),
    ('modee', None),
    ('', None),
  ],
)
def test_a_setting_is_found_by_its_last_name(name, expected):
  assert config_lib.setting_named(name) == expected


def test_settings_of_earlier_releases_keep_their_meaning():
  earlier = {'train': {'top_k': 0.5, 'top_k_ramp_steps': 7, 'epochs': 3}}
  train = config_lib.Config.from_dict(earlier).train
  assert (train.ohem_fraction, train.ohem_ramp_steps) == (0.5, 7)
  assert train.epochs == 3


def test_a_run_of_an_earlier_release_did_what_it_did():
  written = {'search': {'epochs': 30}, 'train': {'top_k': 0.5}}
  settings = config_lib.of_run(written)
  assert settings['search']['epochs'] == 30
  assert settings['search']['decode'] == 'product'  # the default is ratio
  assert settings['train']['ohem_fraction'] == 0.5
  for section in ('search', 'train'):
    assert settings[section]['loss'] == 'cross_entropy'
  today = config_lib.Config().to_dict()
  assert config_lib.of_run(today) == today


SECTIONS = {
  field.name: type(getattr(config_lib.Config(), field.name))
  for field in dataclasses.fields(config_lib.Config)
  if dataclasses.is_dataclass(getattr(config_lib.Config(), field.name))
}
# Settings of text that name no file: the others have to be paths.
NO_PATHS = {
  'data.dataset',
  'data.train_split',
  'data.val_split',
  'eval.split',
  'search.loss',
  'train.loss',
  'search.budget',
  'search.strategy',
  'search.cluster',
}
PATHS = sorted(
  f'{name}.{field.name}'
  for name, section in SECTIONS.items()
  for field in dataclasses.fields(section)
  if field.metadata['rule'].is_path
)


def test_a_setting_of_text_is_a_path_or_known_as_none():
  texts = {
    f'{name}.{field.name}'
    for name, section in SECTIONS.items()
    for field in dataclasses.fields(section)
    if field.metadata['rule'].kind is str and not field.metadata['rule'].choices
  }
  assert texts - set(PATHS) == NO_PATHS
  assert {'data.dir', 'train.init_from', 'train.class_weights'} <= set(PATHS)


@pytest.mark.parametrize('setting', PATHS)
def test_no_setting_leads_out_of_this_machine(setting):
  for value in ('gs://bucket/a', 's3://a', 'file:///a', '~nobody9/x'):
    with pytest.raises(errors.UserError) as caught:
      config_lib.load('quickstart', [f'{setting}={value}'])
    assert str(caught.value).startswith(
      f"{setting} is '{value}', which is refused: "
    )


def test_data_elsewhere_is_refused_by_auto_too():
  with pytest.raises(errors.UserError, match='data.dir is .*is refused: '):
    config_lib.load('auto', ['data.dir=gs://bucket/a'])


@pytest.mark.parametrize('setting', PATHS)
def test_every_setting_knows_home(setting):
  section, name = setting.split('.')
  for value in ('~/x', '~'):
    config = config_lib.load('quickstart', [f'{setting}={value}'])
    found = getattr(getattr(config, section), name)
    assert found == os.path.expanduser(value)

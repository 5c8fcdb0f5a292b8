"""A run goes on only with what it was started with; every start is kept."""

import dataclasses
import json

import pytest
import yaml

from deeplab_nas import errors, safe_yaml
from deeplab_nas.config import config as config_lib
from deeplab_nas.data import dataset_info
from deeplab_nas.run import continuation
from deeplab_nas.run.directory import RunDirectory
from deeplab_nas.space import genotype, zoo
from tests.run.folders import CONFIG, files, put


def test_the_config_reads_back(started):
  assert config_lib.load(str(started.config)) == CONFIG


def test_the_provenance_says_what_was_run_with_what(started):
  (start,) = json.loads(started.provenance.read_text())['starts']
  assert start['command'] == 'python train.py --mode=search'
  assert start['packages']['tensorflow'].startswith('2.')
  assert start['python'].startswith('3.')
  assert start['time'][:2] == '20'
  assert start['commit'] is None or len(start['commit'].split('-')[0]) == 40


def test_every_start_is_recorded(started):
  continuation.start(started, CONFIG, ['train.py', '--resume'])
  starts = json.loads(started.provenance.read_text())['starts']
  assert [start['command'].split()[-1] for start in starts] == [
    '--mode=search',
    '--resume',
  ]


def test_no_git_is_no_problem(monkeypatch, tmp_path):
  monkeypatch.setenv('PATH', str(tmp_path))
  run = RunDirectory.create(tmp_path / 'run')
  continuation.start(run, CONFIG, ['train.py'])
  (start,) = json.loads(run.provenance.read_text())['starts']
  assert start['commit'] is None


def test_a_run_goes_on_only_with_the_same_search(started):
  other = config_lib.load('quickstart', ['search.epochs=99'])
  with pytest.raises(errors.UserError, match='search.epochs=8, now it is 99'):
    continuation.start(started, other, ['train.py'])
  shared = config_lib.load('quickstart', ['space.shared_kernels=true'])
  with pytest.raises(errors.UserError, match='shared_kernels=False, now it is'):
    continuation.start(started, shared, ['train.py'])
  assert config_lib.load(str(started.config)) == CONFIG


@pytest.mark.parametrize(
  ('overrides', 'sentence'),
  [
    (['tpe.num_startup=4'], 'tpe.num_startup=3, now it is 4'),
    (['search.strategy=nsga2'], 'search.strategy=tpe, now it is nsga2'),
    (
      ['search.strategy=nsga2', 'space.num_blocks=1', 'search.loss=dice'],
      'search.strategy=tpe, now it is nsga2',
    ),
  ],
)
def test_a_run_goes_on_only_with_the_same_strategy(
  tmp_path, overrides, sentence
):
  def config(*changes):
    return config_lib.load('quickstart', ['search.strategy=tpe', *changes])

  run = RunDirectory.create(tmp_path / 'run')
  continuation.start(run, config('tpe.num_startup=3'), ['train.py'])
  continuation.start(run, config('tpe.num_startup=3'), ['train.py'])
  with pytest.raises(errors.UserError, match=sentence):
    continuation.start(run, config(*overrides), ['train.py'])


def test_settings_that_an_earlier_release_lacked_have_its_meaning(started):
  settings = safe_yaml.parse(started.config.read_text())
  del settings['search']['decode'], settings['search']['recompute']
  started.config.write_text(yaml.safe_dump(settings))
  with pytest.raises(errors.UserError, match='search.decode=product, now it'):
    continuation.start(started, CONFIG, ['train.py'])
  then = config_lib.load('quickstart', ['search.decode=product'])
  continuation.start(started, then, ['train.py'])
  assert config_lib.load(str(started.config)) == then


def test_a_run_of_an_earlier_release_goes_on_as_it_began(started, training):
  """Its config.yaml lacks what its release did not know."""
  for run, mode in ((started, 'search'), (training, 'train')):
    settings = CONFIG.to_dict()
    for name in ('loss', 'focal_gamma'):
      del settings['search'][name], settings['train'][name]
    run.config.write_text(yaml.safe_dump(settings))
    other = config_lib.Config.from_dict(
      {**CONFIG.to_dict(), mode: {**CONFIG.to_dict()[mode], 'loss': 'dice'}}
    )
    with pytest.raises(errors.UserError, match=f'{mode}.loss=cross_entropy, n'):
      continuation.start(run, other, ['train.py'], mode)
    continuation.start(run, CONFIG, ['train.py'], mode)


def test_a_run_goes_on_where_the_data_moved(started):
  moved = config_lib.load('quickstart', ['data.dir=/elsewhere'])
  continuation.start(started, moved, ['train.py'])
  assert config_lib.load(str(started.config)) == moved


def test_a_run_goes_on_only_with_the_same_batches(started):
  for other in ('data.batch_size=16', 'data.b_fraction=0.1'):
    with pytest.raises(errors.UserError, match=other.split('=')[0]):
      continuation.start(
        started, config_lib.load('quickstart', [other]), ['train.py']
      )


@pytest.fixture
def training(tmp_path):
  run = RunDirectory.create(tmp_path / 'training')
  continuation.start(run, CONFIG, ['train.py'], 'train')
  return run


def test_a_training_goes_on_only_with_the_same_training(training):
  assert continuation.mode_of(training) == 'train'
  same = [
    'search.epochs=99',
    'data.b_fraction=0.1',
    'train.init_from=x',
    'eval.flip=true',
  ]
  continuation.start(training, config_lib.load('quickstart', same), [], 'train')
  for other in ('train.epochs=3', 'network.aspp_rates=[1]', 'data.flip=false'):
    with pytest.raises(errors.UserError, match=other.split('=')[0]):
      continuation.start(
        training, config_lib.load('quickstart', [other]), [], 'train'
      )


def test_a_search_is_no_training(started, training):
  with pytest.raises(errors.UserError, match='holds a search, not a training'):
    continuation.start(started, CONFIG, [], 'train')
  with pytest.raises(errors.UserError, match='holds a training, not a search'):
    continuation.start(training, CONFIG, [], 'search')


def test_the_genotype_of_results_is_not_replaced(training):
  held, other = zoo.load('auto_deeplab'), zoo.load('deeplabv3')
  continuation.keep_genotype(training, other)
  continuation.keep_genotype(training, held)  # no results yet
  training.metrics.write_text('')
  continuation.keep_genotype(training, held)
  with pytest.raises(errors.UserError, match=f'trains genotype {held.digest}'):
    continuation.keep_genotype(training, other)
  assert genotype.Genotype.load(training.genotype) == held


def test_advice_on_odd_folders_can_be_pasted(tmp_path):
  run = RunDirectory.create(tmp_path / 'a b')
  continuation.start(run, CONFIG, [], 'search')
  genotype = f"'--genotype={run.genotype}'"
  with pytest.raises(errors.UserError) as told:
    continuation.check_is_training(run)
  assert f'--mode=train {genotype}.' in str(told.value)
  continuation.keep_genotype(run, zoo.load('auto_deeplab'))
  run.metrics.write_text('')
  with pytest.raises(errors.UserError) as told:
    continuation.keep_genotype(run, zoo.load('deeplabv3'))
  assert f'resume with {genotype}, or' in str(told.value)


def test_an_imported_network_is_not_resumed(training):
  put(training.best, 'tf1')
  before = files(training)
  run = RunDirectory.create(training.path, resume=True)
  with pytest.raises(
    errors.UserError, match=f'--init_from={run} and another --run_dir'
  ):
    continuation.start(run, CONFIG, ['train.py', '--resume'], 'train')
  run.discard()
  assert files(training) == before


@pytest.mark.parametrize('name', ['config.yaml', 'run.json'])
@pytest.mark.parametrize(
  'content', ['', 'hello', '{', 'search: 1', '{"mode": 1}', '{"starts": 1}']
)
def test_damaged_files_are_named(started, name, content):
  (started.path / name).write_text(content)
  with pytest.raises(errors.UserError, match=f'{name} is damaged'):
    continuation.start(started, CONFIG, ['train.py'])


def described(folder, names=('road', 'sky'), **fields):
  """A data set, and the settings of a search on it."""
  folder.mkdir(exist_ok=True)
  colours = tuple((i, i, i) for i in range(len(names)))
  info = dataset_info.DatasetInfo('made', names, colours)
  dataclasses.replace(info, **fields).save(folder)
  return config_lib.load('quickstart', ['search.epochs=8'], str(folder))


@pytest.fixture
def searched(tmp_path):
  run = RunDirectory.create(tmp_path / 'run')
  config = described(tmp_path / 'data')
  continuation.start(run, config, ['train.py'])
  run.metrics.write_text('{}\n')
  return run


def test_a_search_keeps_the_classes_of_its_data(searched):
  held = dataset_info.DatasetInfo.load(searched.dataset)
  assert held.class_names == ('road', 'sky')


@pytest.mark.parametrize(
  'changed, expected',
  [
    ({'names': ('sky', 'road')}, 'class 0 is sky, was road'),
    ({'names': ('road', 'sky', 'car')}, 'there are 3 classes'),
    ({'ignore_label': 0}, 'the ignore label is 0, was 255'),
    ({'palette': ((0, 0, 0), (7, 7, 7))}, 'colour of class sky'),
  ],
)
@pytest.mark.parametrize('mode', ['search', 'train'])
def test_a_run_goes_on_only_with_the_same_classes(
  tmp_path, searched, changed, expected, mode
):
  record = json.loads(searched.provenance.read_text())
  searched.provenance.write_text(json.dumps({**record, 'mode': mode}))
  config = described(tmp_path / 'data', **changed)
  with pytest.raises(errors.UserError, match='other classes') as caught:
    continuation.start(searched, config, ['train.py'], mode)
  assert expected in str(caught.value)
  held = dataset_info.DatasetInfo.load(searched.dataset)
  assert held.class_names == ('road', 'sky') and held.ignore_label == 255


def test_the_same_classes_elsewhere_and_more_images_go_on(tmp_path, searched):
  config = described(tmp_path / 'moved')
  continuation.start(searched, config, ['train.py'])
  assert continuation.last_start(searched)['config'] == 'quickstart'
  assert continuation.last_start(searched)['set'] == ['search.epochs=8']


def test_other_images_are_told_but_go_on(tmp_path, searched, caplog):
  split = dataset_info.SplitInfo(1, 1, (2, 2), (2, 2), (2, 2))
  moved = described(tmp_path / 'moved')
  continuation.start(searched, moved, ['train.py'])
  assert 'other images' not in caplog.text
  more = described(tmp_path / 'more', splits={'train': split})
  continuation.start(searched, more, ['train.py'])
  assert f'{tmp_path}/more has other images or labels than' in caplog.text


def test_readers_of_a_search_refuse_other_folders(started, training, tmp_path):
  continuation.check_is_search(started)
  with pytest.raises(errors.UserError, match='the training of one architect'):
    continuation.check_is_search(training)
  with pytest.raises(errors.UserError, match='is no run folder: give the --r'):
    continuation.check_is_search(RunDirectory(tmp_path / 'nothing'))
  started.provenance.write_text('{')
  with pytest.raises(errors.UserError, match='is damaged: restore it from'):
    continuation.check_is_search(started)

"""From Python: a search, a training, and all that follows from it."""

import numpy as np
import pytest

import deeplab_nas
from deeplab_nas import errors
from deeplab_nas.config import config as config_lib
from tests.data import tiny_folder
from tests.search.trials.results import candidates_test
from tests.serving import tiny
from tests.train import records as records_lib
from tests.train import tiny_training

SEARCH = {
  'space': {'num_layers': 1, 'num_blocks': 1, 'filter_multiplier': 1},
  'data': {'crop_size': [17, 17], 'batch_size': 2},
  'search': {'epochs': 1, 'steps_per_epoch': 1, 'arch_start_epoch': 0},
  'runtime': {'num_panels': 1},
}


@pytest.fixture(scope='module')
def trained(records, tmp_path_factory):
  config = records_lib.config('', epochs=1, steps_per_epoch=1)
  return deeplab_nas.train(
    config,
    tmp_path_factory.mktemp('runs') / 'train',
    data_dir=records,
    genotype=tiny_training.GENOTYPE,
  )


def test_a_training_gives_its_run(trained):
  assert trained.genotype == tiny_training.GENOTYPE
  (epoch,) = trained.metrics
  assert epoch['loss'] > 0
  assert tiny_training.GENOTYPE.digest in str(trained)
  assert deeplab_nas.build_network(trained).genotype == trained.genotype


def test_its_network_is_measured_and_exported(trained, tmp_path, capsys):
  found = deeplab_nas.evaluate(trained)
  assert capsys.readouterr().out == ''  # print(found) shows the table, once
  assert found.num_images == 2
  assert found.miou == pytest.approx(trained.metrics[-1]['val_miou'], abs=0.05)
  path = deeplab_nas.export(
    trained, tmp_path / 'models', warmup_size=(17, 17), winograd=False
  )
  assert path == tmp_path / 'models' / '1'
  exported, model = deeplab_nas.load(path), trained.load()
  assert exported.classes == model.classes == model.info.class_names
  assert exported.genotype == model.genotype == trained.genotype
  photo = tiny.photo()
  tiny.assert_most_probable(exported.predict(photo), model.probabilities(photo))


@pytest.mark.slow
def test_a_search_gives_its_run_and_what_it_found(records, tmp_path):
  found = deeplab_nas.search(SEARCH, tmp_path / 'search', data_dir=records)
  assert found.genotype.num_layers == 1
  assert found.genotype == deeplab_nas.Genotype.load(
    tmp_path / 'search' / 'genotype.json'
  )
  assert len(found.metrics) == 1 and 'mIoU' in str(found)
  with pytest.raises(errors.UserError, match='a supernet is no trained netw'):
    found.load()
  resumed = deeplab_nas.search(SEARCH, found, records, resume=True)
  assert resumed.genotype == found.genotype


def test_what_a_study_found_is_trained_as_wide_as_it_was_tried(
  records, tmp_path
):
  study = candidates_test.make_study(
    tmp_path / 'study',
    [(0, candidates_test.FULL, 0.5, 2.0)],
    found=0,
    genotypes=[tiny_training.GENOTYPE, tiny_training.OTHER_GENOTYPE],
  )
  config = records_lib.config('', epochs=1, steps_per_epoch=1).to_dict()
  del config['network']['filter_multiplier']
  trained = deeplab_nas.train(
    config, tmp_path / 'train', records, genotype=study.path
  )
  assert trained.genotype == tiny_training.GENOTYPE
  held = config_lib.load(str(trained.path / 'config.yaml'))
  assert held.network.filter_multiplier == 2


def refusal(function, *args, **kwargs):
  with pytest.raises(deeplab_nas.UserError) as caught:
    function(*args, **kwargs)
  return str(caught.value)


def test_mistakes_are_sentences_and_leave_nothing(records, trained, tmp_path):
  folder = tmp_path / 'run'
  search, train = deeplab_nas.search, deeplab_nas.train
  assert 'quickstart' in refusal(search, 'no_preset', folder, records)
  assert 'data_dir' in refusal(search, 'quickstart', folder)
  assert 'is not at' in refusal(search, 'quickstart', folder, tmp_path / 'none')
  assert 'did you mean' in refusal(search, {'serch': {}}, folder, records)
  assert 'known are auto_deeplab' in refusal(
    train, 'quickstart', folder, records, genotype='nothing'
  )
  assert 'genotype=None is none: give a Genotype' in refusal(
    train, 'quickstart', folder, records, genotype=None
  )
  assert 'is not empty' in refusal(
    train, 'quickstart', trained, records, genotype='auto_deeplab'
  )
  assert 'is no folder' in refusal(deeplab_nas.load, folder)
  assert 'no shards named test' in refusal(
    deeplab_nas.evaluate, trained, 'test'
  )
  assert not folder.exists()


def test_mistakes_of_loading_are_sentences(trained):
  assert "'best' and 'last'" in refusal(deeplab_nas.load, trained, 'lst')
  for scales in ((), 0, [1, -1], 17.0, [float('nan')]):
    assert 'above 0 and at most 16' in refusal(
      deeplab_nas.load, trained, scales=scales
    )
  model = deeplab_nas.load(trained, scales=0.5)
  assert model.predict(np.zeros([20, 30, 3])).shape == (20, 30)


def test_a_network_learns_nothing_of_how_it_was_loaded(trained):
  model = trained.load('last')
  mask = model.predict(np.zeros([20, 30, 3]))
  assert mask.shape == (20, 30) and model.colorize(mask).shape == (20, 30, 3)


def test_paths_are_those_that_commands_take(records, trained, monkeypatch):
  monkeypatch.setenv('HOME', str(trained.path.parent))
  config = records_lib.config(records, epochs=1)
  name = f'~/{trained.path.name}'
  with pytest.raises(errors.UserError, match='is not empty'):
    deeplab_nas.train(config, name, genotype=tiny_training.GENOTYPE)
  with pytest.raises(errors.UserError, match='refused: it is an address'):
    deeplab_nas.load('gs://bucket/run')


def test_a_folder_is_converted_from_python(tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path / 'folder')
  for name in 'abcd':
    folder.mask(f'{name}.png', tiny_folder.stripes((0, 7)))
  with pytest.raises(errors.UserError, match='values that are none of the 3'):
    deeplab_nas.convert(folder.root, tmp_path / 'records')
  assert not list(tmp_path.glob('records/*.json'))
  info = deeplab_nas.convert(folder.root, tmp_path / 'records', mapping='7:2')
  assert info.class_names == ('sky', 'road', 'car')
  assert info.splits['train'].class_pixels[1] == 0
  assert info.splits['train'].class_pixels[2] > 0
  assert info == type(info).load(tmp_path / 'records')
  assert info == deeplab_nas.convert(
    folder.root, tmp_path / 'records', mapping={7: 'car'}
  )
  assert 'is refused: it is an address' in refusal(
    deeplab_nas.convert, 's3://bucket', tmp_path
  )


def test_the_classes_of_a_folder_can_be_given_from_python(tmp_path):
  folder = tiny_folder.TinyFolder(tmp_path / 'folder')
  for name in 'abcd':
    folder.mask(f'{name}.png', tiny_folder.stripes((0, 2)))
  (folder.root / 'labels.txt').unlink()
  names = ('sky', 'road', 'car')
  for labels in (names, list(names), dict(zip(names, range(3)))):
    info = deeplab_nas.convert(folder.root, tmp_path / 'records', labels)
    assert info.class_names == names
  colours = {'sky': (0, 0, 255), 'road': [9, 9, 9], 'car': '#ff0000'}
  coloured = deeplab_nas.convert(folder.root, tmp_path / 'coloured', colours)
  assert coloured.class_names == names
  assert coloured.palette == ((0, 0, 255), (9, 9, 9), (255, 0, 0))
  for wrong in (['sky', 3], {'sky', 'road'}, 3, [], [('sky', (0, 0, 255))]):
    assert refusal(
      deeplab_nas.convert, folder.root, tmp_path / 'none', wrong
    ).startswith('labels')
